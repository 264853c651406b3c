#include "api/resource/leaf.h"

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/resource/problem.h"
#include "api/resource/rules.h"
#include "api/resource/units.h"
#include "base/nearest.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/message.h"

namespace sluice::resource {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string Got(absl::string_view wanted, const Node& node) {
  return absl::StrCat("not ", wanted, ", got ", Describe(node));
}

// Sets or adds, whichever the field is, with the methods of Reflection for its type.
template <typename Value, typename Set, typename Add>
void Put(const FieldDescriptor& field, Message& message, const Value& value, Set set, Add add) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    (reflection.*add)(&message, &field, value);
  } else {
    (reflection.*set)(&message, &field, value);
  }
}

bool IsScalar(const Node& node) {
  return node.type == Node::Type::kPlain || node.type == Node::Type::kString;
}

std::optional<Refusal> SetBool(const Node& node, const FieldDescriptor& field, Message& message) {
  if (node.type != Node::Type::kPlain || (node.text != "true" && node.text != "false")) {
    return Refusal{Got("a boolean", node), "true or false"};
  }
  Put(field, message, node.text == "true", &Reflection::SetBool, &Reflection::AddBool);
  return std::nullopt;
}

template <typename Integer, typename Set, typename Add>
std::optional<Refusal> SetInteger(const Node& node, const FieldDescriptor& field, Message& message,
                                  Set set, Add add) {
  using Limits = std::numeric_limits<Integer>;
  Integer value = 0;
  if (node.type == Node::Type::kString && absl::SimpleAtoi(node.text, &value)) {
    return Refusal{Got("a number", node), "the number without quotes"};
  }
  const bool has_digits =
      node.type == Node::Type::kPlain && !node.text.empty() &&
      node.text.find_first_not_of("0123456789", node.text[0] == '-' ? 1 : 0) == std::string::npos;
  if (!has_digits) return Refusal{Got("a whole number", node), ""};
  if (!absl::SimpleAtoi(node.text, &value)) {
    return Refusal{absl::StrCat("out of range, got ", Describe(node)),
                   absl::StrCat(Limits::min(), " to ", Limits::max())};
  }
  Put(field, message, value, set, add);
  return std::nullopt;
}

std::optional<Refusal> SetSize(const Node& node, const FieldDescriptor& field, Message& message) {
  const std::optional<uint64_t> size = IsScalar(node) ? ParseSize(node.text) : std::nullopt;
  if (!size.has_value()) {
    return Refusal{Got("a size", node), "bytes, or a number with KiB, MiB, GiB or TiB"};
  }
  Put(field, message, *size, &Reflection::SetUInt64, &Reflection::AddUInt64);
  return std::nullopt;
}

std::optional<Refusal> SetEnum(const Node& node, const FieldDescriptor& field, Message& message) {
  const EnumValueDescriptor* value =
      IsScalar(node) ? FindEnumValue(*field.enum_type(), node.text) : nullptr;
  if (value == nullptr) {
    std::vector<std::string> texts;
    for (int i = 0; i < field.enum_type()->value_count(); ++i) {
      std::string text = EnumText(*field.enum_type()->value(i));
      if (!text.empty()) texts.push_back(std::move(text));
    }
    const absl::string_view nearest =
        Nearest(IsScalar(node) ? node.text : "",
                std::vector<absl::string_view>(texts.begin(), texts.end()));
    std::string problem = absl::StrCat("no such value, got ", Describe(node));
    if (!nearest.empty()) absl::StrAppend(&problem, ", did you mean ", Quoted(nearest), "?");
    return Refusal{std::move(problem), absl::StrJoin(texts, ", ")};
  }
  Put(field, message, value, &Reflection::SetEnum, &Reflection::AddEnum);
  return std::nullopt;
}

std::optional<Refusal> SetDuration(const Node& node, const FieldDescriptor& field,
                                   Message& message) {
  const std::optional<absl::Duration> parsed =
      IsScalar(node) ? ParseDuration(node.text) : std::nullopt;
  if (!parsed.has_value()) {
    uint64_t number;
    const bool lacks_unit = IsScalar(node) && absl::SimpleAtoi(node.text, &number);
    return Refusal{Got("a duration", node),
                   lacks_unit ? absl::StrCat("a unit: ", number, "s")
                              : "a number with ms, s, m or h, such as 250ms, 15s or 1h30m"};
  }
  absl::Duration rest;
  const int64_t seconds = absl::IDivDuration(*parsed, absl::Seconds(1), &rest);
  google::protobuf::Duration duration;
  duration.set_seconds(seconds);
  duration.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  const Reflection& reflection = *message.GetReflection();
  Message* target = field.is_repeated() ? reflection.AddMessage(&message, &field)
                                        : reflection.MutableMessage(&message, &field);
  target->CopyFrom(duration);
  return std::nullopt;
}

std::optional<Refusal> SetString(const Node& node, Syntax syntax, const FieldDescriptor& field,
                                 Message& message) {
  std::string text;
  if (std::optional<Refusal> refusal = ReadString(node, syntax, text)) {
    if (IsSecret(field)) refusal->problem = "not a string";
    return refusal;
  }
  Put(field, message, text, &Reflection::SetString, &Reflection::AddString);
  return std::nullopt;
}

}  // namespace

std::string Describe(const Node& node) {
  switch (node.type) {
    case Node::Type::kNull:
      return "nothing";
    case Node::Type::kPlain:
      if (node.text.size() <= 40) return node.text;
      [[fallthrough]];
    case Node::Type::kString:
      return Quoted(node.text);
    case Node::Type::kList:
      return "a list";
    case Node::Type::kMap:
      return "a map";
  }
  return "";
}

std::optional<Refusal> ReadString(const Node& node, Syntax syntax, std::string& text) {
  if (node.type == Node::Type::kString ||
      (node.type == Node::Type::kPlain && syntax == Syntax::kYaml)) {
    text = node.text;
    return std::nullopt;
  }
  // {id} without quotes is a map with a key and no value.
  const bool is_braces = syntax == Syntax::kYaml && node.type == Node::Type::kMap &&
                         node.items.size() == 1 && node.items[0].type == Node::Type::kNull;
  if (is_braces) {
    return Refusal{Got("a string", node), absl::StrCat("quotes: \"{", node.items[0].key, "}\"")};
  }
  return Refusal{Got("a string", node), node.type == Node::Type::kPlain ? "quotes around it" : ""};
}

std::optional<Refusal> SetLeaf(const Node& node, Syntax syntax, const FieldDescriptor& field,
                               Message& message) {
  if (IsDuration(field)) return SetDuration(node, field, message);
  if (IsSize(field)) return SetSize(node, field, message);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return SetBool(node, field, message);
    case FieldDescriptor::CPPTYPE_INT32:
      return SetInteger<int32_t>(node, field, message, &Reflection::SetInt32,
                                 &Reflection::AddInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return SetInteger<int64_t>(node, field, message, &Reflection::SetInt64,
                                 &Reflection::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return SetInteger<uint32_t>(node, field, message, &Reflection::SetUInt32,
                                  &Reflection::AddUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return SetInteger<uint64_t>(node, field, message, &Reflection::SetUInt64,
                                  &Reflection::AddUInt64);
    case FieldDescriptor::CPPTYPE_ENUM:
      return SetEnum(node, field, message);
    case FieldDescriptor::CPPTYPE_STRING:
      return SetString(node, syntax, field, message);
    default:
      // Messages are not leaves, and a test sees to it that the contract has no other types.
      return Refusal{"cannot be written in YAML or JSON", ""};
  }
}

}  // namespace sluice::resource
