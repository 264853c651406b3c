#include "api/resource/rules.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "sluice/v1/options.pb.h"

namespace sluice::resource {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;

const v1::FieldRules& RulesOf(const FieldDescriptor& field) {
  return field.options().GetExtension(v1::field);
}

bool IsMessage(const FieldDescriptor& field, absl::string_view full_name) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field.message_type()->full_name() == full_name;
}

// "POLICY_" of an enum whose first value is POLICY_UNSPECIFIED.
absl::string_view Prefix(const EnumDescriptor& type) {
  return absl::StripSuffix(type.value(0)->name(), "UNSPECIFIED");
}

}  // namespace

bool IsSize(const FieldDescriptor& field) { return RulesOf(field).size(); }
bool IsCredential(const FieldDescriptor& field) { return RulesOf(field).credential(); }
bool IsPrivateKey(const FieldDescriptor& field) { return RulesOf(field).private_key(); }
bool IsSecret(const FieldDescriptor& field) { return IsCredential(field) || IsPrivateKey(field); }
bool MayStandElsewhere(const FieldDescriptor& field) {
  return IsSecret(field) || RulesOf(field).from_file();
}
absl::string_view ReferenceOf(const FieldDescriptor& field) { return RulesOf(field).ref(); }
bool IsRequired(const FieldDescriptor& field) { return RulesOf(field).required(); }
uint32_t SinceOf(const FieldDescriptor& field) { return RulesOf(field).since(); }

bool IsDuration(const FieldDescriptor& field) {
  return IsMessage(field, "google.protobuf.Duration");
}

bool IsPlugins(const FieldDescriptor& field) {
  return field.is_map() && IsMessage(*field.message_type()->map_value(), "google.protobuf.Any");
}

std::string EnumText(const EnumValueDescriptor& value) {
  const std::string& text = value.options().GetExtension(v1::value_text);
  if (!text.empty()) return text;
  const absl::string_view prefix = Prefix(*value.type());
  if (value.index() == 0 && absl::EndsWith(value.name(), "UNSPECIFIED")) return "";
  return absl::AsciiStrToLower(absl::StripPrefix(value.name(), prefix));
}

const EnumValueDescriptor* FindEnumValue(const EnumDescriptor& type, absl::string_view text) {
  for (int i = 0; i < type.value_count(); ++i) {
    if (!text.empty() && EnumText(*type.value(i)) == text) return type.value(i);
  }
  return nullptr;
}

}  // namespace sluice::resource
