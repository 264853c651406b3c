// What a header of version 2 of the PROXY protocol says beyond addresses: values by type (TLVs).
//
// Immutable. Thread: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::net {

class ProxyTlvs {
 public:
  // Further ones are checked, and not kept.
  static constexpr size_t kMaxKept = 4096;

  // Of a whole header, whose additions begin at `at`. Nothing if they do not fill it exactly, or a
  // checksum among them is not the header's.
  static std::optional<ProxyTlvs> Read(absl::string_view header, size_t at);

  // The first value of that type; "" if there is none. Types from 0x21 to 0x2f are those within the
  // value of type 0x20, which tells of TLS between the client and the balancer.
  absl::string_view Find(uint8_t type) const;

 private:
  std::string bytes_;
};

}  // namespace sluice::net
