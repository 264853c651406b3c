#include "proxy/exchange/client_cert.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace sluice::exchange {
namespace {

using Mode = ForwardClientCert::Mode;

// All values of the header as one list, in order.
std::string JoinValues(const http::HeaderMap& headers) {
  std::string joined;
  for (const auto* e = headers.Find(kClientCertHeader); e != nullptr; e = headers.Next(e)) {
    absl::StrAppend(&joined, joined.empty() ? "" : ",", absl::string_view(e->value()));
  }
  return joined;
}

// In quotes, so that a name with separators in it stays one value.
void AppendQuoted(absl::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += absl::ascii_isprint(c) ? c : '?';
  }
  out += '"';
}

void AppendEncoded(absl::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789ABCDEF";
  out += '"';
  for (const char c : text) {
    if (absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  out += '"';
}

std::string ElementOf(const ForwardClientCert& forward, const net::PeerIdentity& peer) {
  std::string element = absl::StrCat("Hash=", peer.sha256);
  if (forward.cert) {
    element += ";Cert=";
    AppendEncoded(peer.pem, element);
  }
  if (forward.chain) {
    element += ";Chain=";
    AppendEncoded(peer.chain_pem, element);
  }
  if (forward.subject) {
    element += ";Subject=";
    AppendQuoted(peer.subject, element);
  }
  if (forward.uri) {
    for (const std::string& uri : peer.uris) {
      element += ";URI=";
      AppendQuoted(uri, element);
    }
  }
  if (forward.dns) {
    for (const std::string& name : peer.dns_names) {
      element += ";DNS=";
      AppendQuoted(name, element);
    }
  }
  return element;
}

}  // namespace

absl::string_view TakeClientCert(http::RequestHead& head, const ForwardClientCert& forward,
                                 const net::PeerIdentity* peer) {
  http::HeaderMap& headers = head.headers;
  std::string value;
  const bool keeps = forward.mode == Mode::kAlwaysForwardOnly ||
                     (peer != nullptr &&
                      (forward.mode == Mode::kForwardOnly || forward.mode == Mode::kAppendForward));
  if (keeps) value = JoinValues(headers);
  headers.Remove(kClientCertHeader);
  const bool tells = peer != nullptr &&
                     (forward.mode == Mode::kAppendForward || forward.mode == Mode::kSanitizeSet);
  if (tells) absl::StrAppend(&value, value.empty() ? "" : ",", ElementOf(forward, *peer));
  return headers.arena().Copy(value);
}

}  // namespace sluice::exchange
