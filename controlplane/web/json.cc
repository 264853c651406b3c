#include "controlplane/web/json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "api/resource/digest.h"
#include "api/resource/json.h"
#include "api/resource/rules.h"
#include "api/resource/text.h"
#include "api/resource/units.h"
#include "controlplane/admin/refusal.h"
#include "sluice/v1/problem.pb.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::web {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ",
                          absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
                          absl::UTCTimeZone());
}

std::string DurationText(const google::protobuf::Duration& duration) {
  return resource::DurationText(absl::Seconds(duration.seconds()) +
                                absl::Nanoseconds(duration.nanos()));
}

// Members of an object, put together.
class Members {
 public:
  void Add(absl::string_view name, absl::string_view value) {
    absl::StrAppend(&text_, text_.empty() ? "" : ",", resource::QuoteJson(name), ":", value);
  }
  std::string Take() { return absl::StrCat("{", text_, "}"); }

 private:
  std::string text_;
};

void AddFields(const Message& message, Members* members);

std::string MessageValue(const Message& message) {
  const auto* type = message.GetDescriptor();
  if (type == v1::Resource::descriptor()) {
    return resource::ToJson(static_cast<const v1::Resource&>(message), true);
  }
  if (type == google::protobuf::Timestamp::descriptor()) {
    return resource::QuoteJson(TimeText(static_cast<const google::protobuf::Timestamp&>(message)));
  }
  if (type == google::protobuf::Duration::descriptor()) {
    return resource::QuoteJson(
        DurationText(static_cast<const google::protobuf::Duration&>(message)));
  }
  Members members;
  AddFields(message, &members);
  return members.Take();
}

std::string TextValue(const FieldDescriptor& field, const std::string& value) {
  return resource::QuoteJson(field.type() == FieldDescriptor::TYPE_BYTES ? resource::ToHex(value)
                                                                         : value);
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
      return resource::QuoteJson(resource::EnumText(
          many ? *r.GetRepeatedEnum(message, &field, index) : *r.GetEnum(message, &field)));
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

int HttpCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return 409;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
      return 503;
    default:
      return 500;
  }
}

}  // namespace

std::string ToJson(const Message& message) { return MessageValue(message); }

std::string ListJson(absl::string_view name, const std::vector<std::string>& items) {
  return absl::StrCat("{", resource::QuoteJson(name), ":[", absl::StrJoin(items, ","), "]}\n");
}

Response Refusal(int status, const std::vector<resource::Problem>& problems) {
  std::vector<std::string> items;
  for (const resource::Problem& problem : problems) {
    items.push_back(ToJson(resource::ToProto(problem)));
  }
  Response response;
  response.status = status;
  response.body = ListJson("problems", items);
  return response;
}

Response Refusal(int status, absl::string_view problem, absl::string_view want) {
  resource::Problem one;
  one.problem = std::string(problem);
  one.want = std::string(want);
  return Refusal(status, std::vector<resource::Problem>{one});
}

Response Refusal(const absl::Status& status) {
  const int code = HttpCode(status.code());
  const std::vector<resource::Problem> problems = admin::ProblemsOf(status);
  return problems.empty() ? Refusal(code, status.message()) : Refusal(code, problems);
}

}  // namespace sluice::web
