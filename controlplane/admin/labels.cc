#include "controlplane/admin/labels.h"

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::admin {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr uint32_t kLabelTag = WireFormatLite::MakeTag(v1::Resource::kLabelsFieldNumber,
                                                       WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
// Of the entries of every map.
constexpr uint32_t kKeyTag = WireFormatLite::MakeTag(1, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
constexpr uint32_t kValueTag =
    WireFormatLite::MakeTag(2, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);

bool ReadText(CodedInputStream& in, std::string& text) {
  uint32_t size = 0;
  return in.ReadVarint32(&size) && in.ReadString(&text, static_cast<int>(size));
}

struct Label {
  std::string key;
  std::string value;
};

bool ReadLabel(CodedInputStream& in, Label& label) {
  uint32_t size = 0;
  if (!in.ReadVarint32(&size)) return false;
  const auto limit = in.PushLimit(static_cast<int>(size));
  while (const uint32_t tag = in.ReadTag()) {
    const bool is_read = tag == kKeyTag     ? ReadText(in, label.key)
                         : tag == kValueTag ? ReadText(in, label.value)
                                            : WireFormatLite::SkipField(&in, tag);
    if (!is_read) return false;
  }
  in.PopLimit(limit);
  return true;
}

}  // namespace

std::optional<std::string> LabelOf(absl::string_view bytes, absl::string_view key) {
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  std::optional<std::string> found;
  while (const uint32_t tag = in.ReadTag()) {
    if (tag != kLabelTag) {
      if (!WireFormatLite::SkipField(&in, tag)) return found;
      continue;
    }
    Label label;
    if (!ReadLabel(in, label)) return found;
    if (label.key == key) found = std::move(label.value);  // The last one counts, as in parsing.
  }
  return found;
}

bool Matches(const resource::Selector& selector, absl::string_view bytes) {
  for (const resource::Selector::Term& term : selector.terms()) {
    const std::optional<std::string> value = LabelOf(bytes, term.key);
    if (!value.has_value() || (term.value.has_value() && *value != *term.value)) return false;
  }
  return true;
}

}  // namespace sluice::admin
