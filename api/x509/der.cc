#include "api/x509/der.h"

namespace sluice::x509 {
namespace {

struct Element {
  size_t head = 0;
  size_t content = 0;
};

std::optional<Element> Parse(absl::string_view bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto at = [bytes](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  if ((at(0) & 0x1f) == 0x1f) return std::nullopt;  // Tags above 30 occur in nothing that is read.
  Element element{2, at(1)};
  if (at(1) >= 0x80) {
    const size_t count = at(1) & 0x7f;
    if (count == 0 || count > 4 || bytes.size() < 2 + count || at(2) == 0) return std::nullopt;
    element = {2 + count, 0};
    for (size_t i = 0; i < count; ++i) element.content = element.content << 8 | at(2 + i);
    if (element.content < 0x80) return std::nullopt;
  }
  if (element.content > bytes.size() - element.head) return std::nullopt;
  return element;
}

}  // namespace

std::optional<absl::string_view> DerReader::Read(uint8_t tag) {
  if (this->tag() != tag) return std::nullopt;
  const std::optional<Element> element = Parse(rest_);
  if (!element) return std::nullopt;
  const absl::string_view content = rest_.substr(element->head, element->content);
  rest_.remove_prefix(element->head + element->content);
  return content;
}

std::optional<absl::string_view> DerReader::ReadElement() {
  const std::optional<Element> element = Parse(rest_);
  if (!element) return std::nullopt;
  const absl::string_view whole = rest_.substr(0, element->head + element->content);
  rest_.remove_prefix(whole.size());
  return whole;
}

std::optional<absl::string_view> DerReader::ReadUnsigned() {
  DerReader copy = *this;
  std::optional<absl::string_view> bytes = copy.Read(kInteger);
  if (!bytes || bytes->empty()) return std::nullopt;
  const auto first = static_cast<uint8_t>((*bytes)[0]);
  if (first >= 0x80) return std::nullopt;
  if (first == 0 && bytes->size() > 1) {
    if (static_cast<uint8_t>((*bytes)[1]) < 0x80) return std::nullopt;
    bytes->remove_prefix(1);
  }
  *this = copy;
  return bytes;
}

std::optional<absl::string_view> DerReader::ReadBits() {
  DerReader copy = *this;
  std::optional<absl::string_view> bytes = copy.Read(kBitString);
  if (!bytes || bytes->empty() || (*bytes)[0] != 0) return std::nullopt;
  bytes->remove_prefix(1);
  *this = copy;
  return bytes;
}

}  // namespace sluice::x509
