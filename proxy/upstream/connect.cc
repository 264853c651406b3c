#include "proxy/upstream/connect.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"

namespace sluice::upstream {
namespace {

// Of "NAME:PORT"; empty for an IP address.
std::string NameIn(absl::string_view text) {
  if (net::Address::Parse(text).has_value()) return {};
  absl::string_view name = text.substr(0, text.rfind(':'));
  absl::ConsumeSuffix(&name, ".");
  return absl::AsciiStrToLower(name);
}

std::string ServerName(const Tls& tls, const Endpoint& endpoint) {
  if (!tls.sni.empty()) return tls.sni;
  std::string name = NameIn(endpoint.name);
  if (!name.empty()) return name;
  return tls.name_of_addresses.empty() ? endpoint.address.ip().ToString() : tls.name_of_addresses;
}

}  // namespace

bool SameTls(const Tls* a, const Tls* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->context->identity() == b->context->identity();
}

Destination DestinationOf(const Settings& settings, const Endpoint& endpoint) {
  return {endpoint.address,
          settings.tls == nullptr ? std::string() : ServerName(*settings.tls, endpoint)};
}

absl::StatusOr<net::Transport> StartConnect(net::IoContext& io, const Settings& settings,
                                            const Destination& destination,
                                            net::tls::SessionSlot* sessions) {
  ASSIGN_OR_RETURN(net::Fd fd, net::StartConnect(destination.address));
  if (settings.tls == nullptr) return net::Transport(std::move(fd));
  return net::Transport(std::move(fd),
                        settings.tls->context->NewSession(io, destination.server_name, sessions));
}

}  // namespace sluice::upstream
