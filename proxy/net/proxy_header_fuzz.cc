// Any first bytes of a connection as a PROXY protocol header: what was found complete says the same
// in whatever pieces it comes, and when it is written anew; what is found of its additions lies
// within them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "proxy/net/proxy_header.h"

namespace {

using sluice::net::ProxyHeader;
using sluice::net::ProxyProtocol;
using Status = ProxyHeader::Status;

void Check(bool holds) {
  if (!holds) abort();
}

void CheckWritten(const ProxyHeader& header, ProxyProtocol version) {
  char text[sluice::net::kMaxProxyHeaderText];
  const size_t size =
      sluice::net::WriteProxyHeader(version, header.source, header.destination, text);
  Check(size <= sizeof(text));
  const ProxyHeader again = ProxyHeader::Parse(absl::string_view(text, size));
  Check(again.status == Status::kComplete && again.size == size && again.has_addresses);
  Check(again.tlvs_at == size);
  Check(again.source == header.source && again.destination == header.destination);
}

void CheckTlvs(absl::string_view header, size_t at) {
  Check(at <= header.size());
  const auto tlvs = sluice::net::ProxyTlvs::Read(header, at);
  if (!tlvs.has_value()) return;
  size_t found = 0;
  for (int type = 0; type < 256; ++type) found += tlvs->Find(static_cast<uint8_t>(type)).size();
  // Those of TLS count twice.
  Check(found <= 2 * std::min(header.size() - at, sluice::net::ProxyTlvs::kMaxKept));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ProxyHeader whole = ProxyHeader::Parse(bytes.substr(0, ProxyHeader::kMaxSeen));
  Check(bytes.size() < ProxyHeader::kMaxSeen || whole.status != Status::kNeedsMore);
  for (size_t end = 0; end < bytes.size() && end < ProxyHeader::kMaxSeen; ++end) {
    const ProxyHeader part = ProxyHeader::Parse(bytes.substr(0, end));
    if (part.status == Status::kNeedsMore) continue;
    Check(part.status == whole.status && part.size == whole.size);
    break;
  }
  if (whole.status == Status::kComplete && whole.has_addresses) {
    CheckWritten(whole, ProxyProtocol::kV1);
    CheckWritten(whole, ProxyProtocol::kV2);
  }
  if (whole.status == Status::kComplete && whole.size <= size) {
    CheckTlvs(bytes.substr(0, whole.size), whole.tlvs_at);
  }
  return 0;
}
