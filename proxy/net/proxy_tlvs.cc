// Types and their meaning: HAProxy's doc/proxy-protocol.txt, section 2.2.
#include "proxy/net/proxy_tlvs.h"

#include "base/crc32c.h"

namespace sluice::net {
namespace {

constexpr size_t kHead = 3;  // The type, and the length of what follows.
enum Type : uint8_t { kChecksum = 0x03, kPadding = 0x04, kTls = 0x20, kLastWithinTls = 0x2f };
// What stands in the value of kTls before the values within it: flags and a result.
constexpr size_t kTlsHead = 5;

uint8_t ByteAt(absl::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

// The first one of `bytes`, its head included; "" if it is cut.
absl::string_view First(absl::string_view bytes) {
  if (bytes.size() < kHead) return {};
  const size_t size = kHead + (size_t{ByteAt(bytes, 1)} << 8 | ByteAt(bytes, 2));
  return size <= bytes.size() ? bytes.substr(0, size) : absl::string_view();
}

absl::string_view FindIn(absl::string_view bytes, uint8_t type) {
  for (absl::string_view tlv; !(tlv = First(bytes)).empty(); bytes.remove_prefix(tlv.size())) {
    if (ByteAt(tlv, 0) == type) return tlv.substr(kHead);
  }
  return {};
}

// Whether `value`, a part of `header`, is the checksum of that with zeros in its own place.
bool IsChecksum(absl::string_view value, absl::string_view header) {
  constexpr absl::string_view kZeros("\0\0\0\0", 4);
  if (value.size() != kZeros.size()) return false;
  const size_t at = static_cast<size_t>(value.data() - header.data());
  uint32_t checksum = ExtendCrc32c(0, header.substr(0, at));
  checksum = ExtendCrc32c(checksum, kZeros);
  checksum = ExtendCrc32c(checksum, header.substr(at + kZeros.size()));
  uint32_t said = 0;
  for (size_t i = 0; i < value.size(); ++i) said = said << 8 | ByteAt(value, i);
  return said == checksum;
}

}  // namespace

std::optional<ProxyTlvs> ProxyTlvs::Read(absl::string_view header, size_t at) {
  ProxyTlvs tlvs;
  for (absl::string_view rest = header.substr(at); !rest.empty();) {
    const absl::string_view tlv = First(rest);
    if (tlv.empty()) return std::nullopt;
    rest.remove_prefix(tlv.size());
    const uint8_t type = ByteAt(tlv, 0);
    if (type == kChecksum && !IsChecksum(tlv.substr(kHead), header)) return std::nullopt;
    const bool is_kept = type != kChecksum && type != kPadding;
    if (!is_kept || tlvs.bytes_.size() + tlv.size() > kMaxKept) continue;
    tlvs.bytes_.append(tlv.data(), tlv.size());
  }
  return tlvs;
}

absl::string_view ProxyTlvs::Find(uint8_t type) const {
  if (type <= kTls || type > kLastWithinTls) return FindIn(bytes_, type);
  const absl::string_view tls = FindIn(bytes_, kTls);
  return tls.size() < kTlsHead ? tls.substr(0, 0) : FindIn(tls.substr(kTlsHead), type);
}

}  // namespace sluice::net
