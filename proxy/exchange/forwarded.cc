#include "proxy/exchange/forwarded.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "absl/strings/ascii.h"
#include "base/append.h"

namespace sluice::exchange {
namespace {

using http::HeaderId;

bool IsTrusted(const net::IpAddress& ip, std::span<const net::IpRange> trusted) {
  return std::any_of(trusted.begin(), trusted.end(),
                     [&ip](const net::IpRange& range) { return range.Contains(ip); });
}

// Elements of X-Forwarded-For may carry a port: "1.2.3.4:80", "[::1]:80".
std::optional<net::IpAddress> ParseElement(absl::string_view element) {
  if (const auto ip = net::IpAddress::Parse(element)) return ip;
  if (const auto address = net::Address::Parse(element)) return address->ip();
  if (element.size() > 2 && element.front() == '[' && element.back() == ']') {
    return net::IpAddress::Parse(element.substr(1, element.size() - 2));
  }
  return std::nullopt;
}

// All values of X-Forwarded-For as one list, in order.
absl::string_view JoinForwardedFor(http::RequestHead& head) {
  const auto* first = head.headers.Find(HeaderId::kXForwardedFor);
  if (first == nullptr) return {};
  size_t size = 0;
  for (const auto* e = first; e != nullptr; e = head.headers.Next(e)) size += e->value_size + 2;
  if (size == first->value_size + 2) return first->value();
  char* joined = head.headers.arena().Allocate(size, 1);
  char* p = joined;
  for (const auto* e = first; e != nullptr; e = head.headers.Next(e)) {
    if (p != joined) {
      *p++ = ',';
      *p++ = ' ';
    }
    p = Append(e->value(), p);
  }
  return absl::string_view(joined, static_cast<size_t>(p - joined));
}

// From the right, the first that is no trusted proxy; the leftmost if all are. Something that is no
// address ends the search: what stands left of it is worth nothing.
net::IpAddress FindClient(absl::string_view list, const net::IpAddress& peer,
                          std::span<const net::IpRange> trusted) {
  net::IpAddress client = peer;
  while (!list.empty()) {
    const size_t comma = list.rfind(',');
    const absl::string_view element = absl::StripAsciiWhitespace(
        comma == absl::string_view::npos ? list : list.substr(comma + 1));
    const std::optional<net::IpAddress> ip = ParseElement(element);
    if (!ip) return client;
    client = *ip;
    if (!IsTrusted(client, trusted) || comma == absl::string_view::npos) return client;
    list = list.substr(0, comma);
  }
  return client;
}

absl::string_view AppendPeer(http::Arena& arena, absl::string_view list,
                             const net::IpAddress& peer) {
  char text[net::kMaxAddressText];
  const size_t length = peer.Format(text);
  const size_t prefix = list.empty() ? 0 : list.size() + 2;
  char* out = arena.Allocate(prefix + length, 1);
  if (prefix > 0) {
    std::memcpy(out, list.data(), list.size());
    std::memcpy(out + list.size(), ", ", 2);
  }
  std::memcpy(out + prefix, text, length);
  return absl::string_view(out, prefix + length);
}

// Names that only a trusted proxy may use: Forwarded (RFC 7239) and X-Forwarded-anything. Upstreams
// believe more of them than the three that we write.
void DropClaims(http::HeaderMap& headers) {
  headers.Remove(HeaderId::kForwarded);
  constexpr absl::string_view kPrefix = "x-forwarded-";
  headers.RemoveIf([kPrefix](const http::HeaderMap::Entry& entry) {
    return entry.id == HeaderId::kOther && entry.name().substr(0, kPrefix.size()) == kPrefix;
  });
}

}  // namespace

Client ApplyForwarded(http::RequestHead& head, const net::IpAddress& peer, bool is_secure,
                      std::span<const net::IpRange> trusted_proxies) {
  http::HeaderMap& headers = head.headers;
  Client client{peer, is_secure ? "https" : "http", IsTrusted(peer, trusted_proxies)};
  absl::string_view list;
  if (client.is_peer_trusted) {
    list = JoinForwardedFor(head);
    client.ip = FindClient(list, peer, trusted_proxies);
    const absl::string_view proto = headers.Get(HeaderId::kXForwardedProto);
    if (proto == "https" || proto == "http") client.scheme = proto;
  }
  if (!client.is_peer_trusted) DropClaims(headers);
  headers.Set(HeaderId::kXForwardedFor, AppendPeer(headers.arena(), list, peer));
  headers.Set(HeaderId::kXForwardedProto, client.scheme);
  const bool keeps_host = client.is_peer_trusted && headers.Has(HeaderId::kXForwardedHost);
  // HTTP/1.0 may name none.
  if (!keeps_host && !head.authority.empty()) {
    headers.Set(HeaderId::kXForwardedHost, head.authority);
  }
  return client;
}

}  // namespace sluice::exchange
