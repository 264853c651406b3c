// A strict reader of DER (X.690), as far as certificates and keys need it.
//
// Everything that DER does not allow is refused: indefinite and overlong lengths, long tags,
// integers with superfluous bytes. Reads nothing beyond the bytes that it was given.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace sluice::x509 {

enum Tag : uint8_t {
  kBoolean = 0x01,
  kInteger = 0x02,
  kBitString = 0x03,
  kOctetString = 0x04,
  kNull = 0x05,
  kObject = 0x06,
  kUtcTime = 0x17,
  kGeneralizedTime = 0x18,
  kSequence = 0x30,
  kSet = 0x31,
};
// [n] of a context, with content of its own or with elements in it.
constexpr uint8_t Context(uint8_t n) { return static_cast<uint8_t>(0x80 | n); }
constexpr uint8_t ContextOf(uint8_t n) { return static_cast<uint8_t>(0xa0 | n); }

// The elements of some content, one after the other.
//
// Lifetime: of the bytes that it was given; so is what it returns.
class DerReader {
 public:
  explicit DerReader(absl::string_view bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }
  // Tag of the next element; 0 at the end.
  uint8_t tag() const { return rest_.empty() ? 0 : static_cast<uint8_t>(rest_.front()); }

  // The content of the next element, which must have that tag; nullopt if it does not or is broken,
  // and nothing is read then.
  std::optional<absl::string_view> Read(uint8_t tag);
  // The whole element, its head included, whatever it is.
  std::optional<absl::string_view> ReadElement();
  // A positive INTEGER, without the zero byte that keeps it so.
  std::optional<absl::string_view> ReadUnsigned();
  // Bytes of a BIT STRING without unused bits.
  std::optional<absl::string_view> ReadBits();

 private:
  absl::string_view rest_;
};

}  // namespace sluice::x509
