#include "api/resource/message_json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "api/resource/digest.h"
#include "api/resource/json.h"
#include "api/resource/rules.h"
#include "api/resource/text.h"
#include "api/resource/units.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ",
                          absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
                          absl::UTCTimeZone());
}

std::string DurationValue(const google::protobuf::Duration& duration) {
  return DurationText(absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos()));
}

// Members of an object, put together.
class Members {
 public:
  void Add(absl::string_view name, absl::string_view value) {
    absl::StrAppend(&text_, text_.empty() ? "" : ",", QuoteJson(name), ":", value);
  }
  std::string Take() { return absl::StrCat("{", text_, "}"); }

 private:
  std::string text_;
};

void AddFields(const Message& message, Members* members);

std::string MessageValue(const Message& message) {
  const auto* type = message.GetDescriptor();
  if (type == v1::Resource::descriptor()) {
    return ToJson(static_cast<const v1::Resource&>(message), true);
  }
  if (type == google::protobuf::Timestamp::descriptor()) {
    return QuoteJson(TimeText(static_cast<const google::protobuf::Timestamp&>(message)));
  }
  if (type == google::protobuf::Duration::descriptor()) {
    return QuoteJson(DurationValue(static_cast<const google::protobuf::Duration&>(message)));
  }
  Members members;
  AddFields(message, &members);
  return members.Take();
}

std::string TextValue(const FieldDescriptor& field, const std::string& value) {
  return QuoteJson(field.type() == FieldDescriptor::TYPE_BYTES ? ToHex(value) : value);
}

// The only value, or the one at `index` of a repeated field.
std::string Value(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& r = *message.GetReflection();
  const bool many = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return MessageValue(many ? r.GetRepeatedMessage(message, &field, index)
                               : r.GetMessage(message, &field));
    case FieldDescriptor::CPPTYPE_STRING:
      return TextValue(
          field, many ? r.GetRepeatedString(message, &field, index) : r.GetString(message, &field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return QuoteJson(EnumText(many ? *r.GetRepeatedEnum(message, &field, index)
                                     : *r.GetEnum(message, &field)));
    case FieldDescriptor::CPPTYPE_BOOL:
      return r.GetBool(message, &field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(r.GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(r.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(r.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(r.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return absl::StrCat(r.GetDouble(message, &field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return absl::StrCat(r.GetFloat(message, &field));
  }
  return "null";
}

std::string RepeatedValue(const Message& message, const FieldDescriptor& field) {
  std::vector<std::string> items;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    items.push_back(Value(message, field, i));
  }
  return absl::StrCat("[", absl::StrJoin(items, ","), "]");
}

void AddField(const Message& message, const FieldDescriptor& field, Members* members) {
  if (field.is_repeated()) return members->Add(field.name(), RepeatedValue(message, field));
  const bool is_set = message.GetReflection()->HasField(message, &field);
  if (field.has_presence() && !is_set) return;
  if (field.message_type() == v1::ResourceKey::descriptor()) {
    return AddFields(message.GetReflection()->GetMessage(message, &field), members);
  }
  if (field.name() == "namespace" && !is_set) return;  // Until teams come it says nothing.
  members->Add(field.name(), Value(message, field, 0));
}

void AddFields(const Message& message, Members* members) {
  const auto* type = message.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) AddField(message, *type->field(i), members);
}

}  // namespace

std::string MessageToJson(const Message& message) { return MessageValue(message); }

}  // namespace sluice::resource
