#include "proxy/plugins/grpc_json/message.h"

#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/utf8.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"
#include "proxy/observe/escape.h"

namespace sluice::plugins {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
namespace util = google::protobuf::util;

constexpr size_t kFrameHead = 5;
// Messages within messages that a query may name: as many as protobuf reads, of JSON or its own.
constexpr int kMaxDepth = 100;

absl::Status DoesNotFit(absl::string_view name, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", problem));
}

absl::Status ReadJson(absl::string_view json, Message& message) {
  const auto status =
      util::JsonStringToMessage(google::protobuf::StringPiece(json.data(), json.size()), &message);
  return status.ok() ? absl::OkStatus()
                     : absl::InvalidArgumentError(
                           absl::string_view(status.message().data(), status.message().size()));
}

std::string QuotedJson(absl::string_view text) {
  // "\u0001" for one byte is the longest.
  std::string out(text.size() * 6 + 2, '"');
  const char* const end = observe::EscapeJson(text, out.data() + 1, out.size() - 2);
  out.resize(static_cast<size_t>(end - out.data()));
  out.push_back('"');
  return out;
}

template <typename Value, typename Set, typename Add>
bool Put(const FieldDescriptor& field, Message& message, const Value& value, Set set, Add add) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    (reflection.*add)(&message, &field, value);
  } else {
    (reflection.*set)(&message, &field, value);
  }
  return true;
}

template <typename Number, typename Read, typename Set, typename Add>
bool PutNumber(absl::string_view text, const FieldDescriptor& field, Message& message, Read read,
               Set set, Add add) {
  Number value{};
  return read(text, &value) && Put(field, message, value, set, add);
}

bool PutEnum(absl::string_view text, const FieldDescriptor& field, Message& message) {
  const EnumValueDescriptor* value = field.enum_type()->FindValueByName(std::string(text));
  int number = 0;
  if (value == nullptr && absl::SimpleAtoi(text, &number)) {
    value = field.enum_type()->FindValueByNumber(number);
  }
  return value != nullptr && Put(field, message, value, &Reflection::SetEnum, &Reflection::AddEnum);
}

bool PutText(absl::string_view text, const FieldDescriptor& field, Message& message) {
  std::string value(text);
  const bool is_value =
      field.type() == FieldDescriptor::TYPE_BYTES
          ? absl::WebSafeBase64Unescape(text, &value) || absl::Base64Unescape(text, &value)
          : IsUtf8(text);
  if (!is_value) return false;
  return Put(field, message, value, &Reflection::SetString, &Reflection::AddString);
}

// Timestamps, durations, wrappers and masks have a form of one word in JSON.
bool PutMessage(absl::string_view text, const FieldDescriptor& field, Message& message) {
  if (!absl::StartsWith(field.message_type()->full_name(), "google.protobuf.")) return false;
  const Reflection& reflection = *message.GetReflection();
  Message* target = field.is_repeated() ? reflection.AddMessage(&message, &field)
                                        : reflection.MutableMessage(&message, &field);
  return ReadJson(QuotedJson(text), *target).ok() || ReadJson(text, *target).ok();
}

bool PutOne(absl::string_view text, const FieldDescriptor& field, Message& message) {
  const auto integer = [](absl::string_view t, auto* value) { return absl::SimpleAtoi(t, value); };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      if (text != "true" && text != "false") return false;
      return Put(field, message, text == "true", &Reflection::SetBool, &Reflection::AddBool);
    case FieldDescriptor::CPPTYPE_INT32:
      return PutNumber<int32_t>(text, field, message, integer, &Reflection::SetInt32,
                                &Reflection::AddInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return PutNumber<int64_t>(text, field, message, integer, &Reflection::SetInt64,
                                &Reflection::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return PutNumber<uint32_t>(text, field, message, integer, &Reflection::SetUInt32,
                                 &Reflection::AddUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return PutNumber<uint64_t>(text, field, message, integer, &Reflection::SetUInt64,
                                 &Reflection::AddUInt64);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return PutNumber<float>(text, field, message, &absl::SimpleAtof, &Reflection::SetFloat,
                              &Reflection::AddFloat);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return PutNumber<double>(text, field, message, &absl::SimpleAtod, &Reflection::SetDouble,
                               &Reflection::AddDouble);
    case FieldDescriptor::CPPTYPE_ENUM:
      return PutEnum(text, field, message);
    case FieldDescriptor::CPPTYPE_STRING:
      return PutText(text, field, message);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return PutMessage(text, field, message);
  }
  return false;
}

const FieldDescriptor* FindField(const Message& message, absl::string_view name) {
  const std::string text(name);
  const auto* type = message.GetDescriptor();
  const FieldDescriptor* field = type->FindFieldByName(text);
  return field != nullptr ? field : type->FindFieldByCamelcaseName(text);
}

// `path`: "book.author.id".
absl::Status PutField(absl::string_view path, absl::string_view text, Message& top) {
  Message* message = &top;
  absl::string_view rest = path;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    const size_t dot = rest.find('.');
    const FieldDescriptor* field = FindField(*message, rest.substr(0, dot));
    if (field == nullptr) return DoesNotFit(path, "no such field");
    if (dot == absl::string_view::npos) {
      return PutOne(text, *field, *message) ? absl::OkStatus()
                                            : DoesNotFit(path, "not a value of this field");
    }
    if (field->is_repeated() || field->message_type() == nullptr) {
      return DoesNotFit(path, "no such field");
    }
    message = message->GetReflection()->MutableMessage(message, field);
    rest.remove_prefix(dot + 1);
  }
  return absl::InvalidArgumentError("a field of a field of more than a hundred");
}

std::string DecodeQuery(absl::string_view text) {
  const std::string spaced = absl::StrReplaceAll(text, {{"+", " "}});
  std::string out;
  for (size_t i = 0; i < spaced.size(); ++i) {
    const absl::string_view digits = absl::string_view(spaced).substr(i + 1, 2);
    const bool is_escape = spaced[i] == '%' && digits.size() == 2 &&
                           absl::ascii_isxdigit(static_cast<unsigned char>(digits[0])) &&
                           absl::ascii_isxdigit(static_cast<unsigned char>(digits[1]));
    if (is_escape) {
      out += absl::HexStringToBytes(digits);
      i += 2;
    } else {
      out.push_back(spaced[i]);
    }
  }
  return out;
}

absl::Status PutQuery(absl::string_view query, Message& message) {
  for (const absl::string_view parameter : absl::StrSplit(query, '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(parameter, absl::MaxSplits('=', 1));
    const absl::Status status =
        PutField(DecodeQuery(parts.first), DecodeQuery(parts.second), message);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::string Framed(const std::string& message) {
  const auto size = static_cast<uint32_t>(message.size());
  std::string frame = {'\0', static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                       static_cast<char>(size >> 8), static_cast<char>(size)};
  return frame + message;
}

// Takes one message from the front of `frames`.
absl::Status NextMessage(absl::string_view& frames, Message& message) {
  if (frames.size() < kFrameHead) return absl::InternalError("the response is cut");
  if (frames[0] != 0) return absl::InternalError("the response is compressed");
  uint32_t size = 0;
  for (size_t i = 1; i < kFrameHead; ++i) size = size << 8 | static_cast<uint8_t>(frames[i]);
  frames.remove_prefix(kFrameHead);
  if (size > frames.size()) return absl::InternalError("the response is cut");
  if (!message.ParseFromArray(frames.data(), static_cast<int>(size))) {
    return absl::InternalError("the response is another message");
  }
  frames.remove_prefix(size);
  return absl::OkStatus();
}

absl::Status WriteJson(const validate::HttpBinding& binding, const Message& message,
                       const JsonStyle& style, std::string& out) {
  util::JsonPrintOptions options;
  options.preserve_proto_field_names = style.keeps_field_names;
  options.always_print_primitive_fields = style.prints_defaults;
  options.always_print_enums_as_ints = style.has_enums_as_numbers;
  const Message& body = binding.response_field == nullptr
                            ? message
                            : message.GetReflection()->GetMessage(message, binding.response_field);
  std::string json;
  const auto status = util::MessageToJsonString(body, &json, options);
  if (!status.ok()) return absl::InternalError("the response cannot be written as JSON");
  out += json;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ToGrpcFrame(const validate::HttpBinding& binding,
                                        const validate::UrlTemplate::Values& values,
                                        absl::string_view query, absl::string_view body) {
  using Body = validate::HttpBinding::Body;
  const std::unique_ptr<Message> message(binding.request->New());
  absl::Status status;
  if (binding.body != Body::kNone && !body.empty()) {
    Message* target = binding.body == Body::kWhole ? message.get()
                                                   : message->GetReflection()->MutableMessage(
                                                         message.get(), binding.body_field);
    status = ReadJson(body, *target);
  }
  if (status.ok() && binding.body != Body::kWhole) status = PutQuery(query, *message);
  // What the path says wins: it is what was routed and authorized.
  for (const auto& [field, value] : values) {
    if (status.ok()) status = PutField(field, value, *message);
  }
  std::string bytes;
  if (status.ok() && !message->SerializeToString(&bytes)) {
    status = absl::InvalidArgumentError("a required field is missing");
  }
  if (!status.ok()) return status;
  return Framed(bytes);
}

absl::StatusOr<std::string> ToJson(const validate::HttpBinding& binding, absl::string_view frames,
                                   const JsonStyle& style) {
  const bool is_stream = binding.rpc->server_streaming();
  std::string json = is_stream ? "[" : "";
  for (bool is_first = true; is_first || !frames.empty(); is_first = false) {
    if (is_stream && frames.empty()) break;
    if (!is_stream && !is_first) return absl::InternalError("the response has several messages");
    const std::unique_ptr<Message> message(binding.response->New());
    absl::Status status = NextMessage(frames, *message);
    if (is_stream && !is_first) json += ",";
    if (status.ok()) status = WriteJson(binding, *message, style, json);
    if (!status.ok()) return status;
  }
  return json + (is_stream ? "]" : "");
}

std::string ErrorJson(int code, absl::string_view message) {
  return absl::StrCat("{\"code\":", code, ",\"message\":", QuotedJson(message), "}");
}

int HttpStatusOf(int grpc_code) {
  static constexpr int kStatuses[] = {200, 499, 500, 400, 504, 404, 409, 403, 429,
                                      400, 409, 400, 501, 500, 503, 500, 401};
  const auto index = static_cast<size_t>(grpc_code);
  return index < std::size(kStatuses) ? kStatuses[index] : 500;
}

}  // namespace sluice::plugins
