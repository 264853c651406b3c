#include "api/validate/conflict.h"

#include "absl/strings/str_cat.h"
#include "api/resource/problem.h"

namespace sluice::validate {

using resource::Kind;
using resource::KindName;
using resource::Quoted;

namespace {

bool IsWildcard(const HostPort& address) {
  return address.ToString() == absl::StrCat(address.is_ipv6 ? "[::]:" : "0.0.0.0:", address.port);
}

// The kernel binds an address beside all addresses of its family only for sockets that share, and
// then each takes connections meant for the other.
bool AddressesClash(const HostPort& a, const HostPort& b) {
  if (a.port != b.port || a.is_ipv6 != b.is_ipv6) return false;
  return a.ToString() == b.ToString() || IsWildcard(a) || IsWildcard(b);
}

}  // namespace

std::optional<Misfit> MisfitOf(const resource::Key& key, const Facts& facts,
                               const resource::Key& listener_key, const ListenerFacts& listener) {
  const bool is_rule = key.kind == Kind::kGlobalRule;
  if (facts.route == nullptr && !is_rule) return std::nullopt;
  if (is_rule ? !listener.is_stream : listener.Serves(*facts.route)) return std::nullopt;
  const std::string named =
      absl::StrCat(KindName(listener_key.kind), " ", Quoted(listener_key.name));
  if (is_rule || !facts.route->is_stream) {
    return Misfit{absl::StrCat(named, " does not speak HTTP"),
                  "a listener with protocol: http, or a StreamRoute"};
  }
  if (!listener.is_stream) {
    return Misfit{absl::StrCat(named, " speaks HTTP"),
                  "a listener with protocol: tcp or tls_passthrough, or a Route"};
  }
  return Misfit{absl::StrCat("clients of ", named, " ask for no server"),
                "no server_names, or tls or protocol: tls_passthrough on the listener"};
}

bool RoutesMeet(const RouteFacts& a, const RouteFacts& b) {
  return Overlap(a.listeners, b.listeners) && Overlap(a.groups, b.groups);
}

bool ListenersClash(const ListenerFacts& a, const ListenerFacts& b) {
  return AddressesClash(a.address, b.address) && Overlap(a.groups, b.groups);
}

}  // namespace sluice::validate
