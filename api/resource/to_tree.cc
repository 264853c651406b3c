#include "api/resource/to_tree.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "api/resource/key.h"
#include "api/resource/pack.h"
#include "api/resource/rules.h"
#include "api/resource/units.h"
#include "api/validate/plugins/registry.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/message.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {
namespace {

using google::protobuf::Any;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

Node Plain(std::string text) {
  Node node;
  node.type = Node::Type::kPlain;
  node.text = std::move(text);
  return node;
}

Node String(std::string text) {
  Node node;
  node.type = Node::Type::kString;
  node.text = std::move(text);
  return node;
}

Node EmptyMap() {
  Node node;
  node.type = Node::Type::kMap;
  return node;
}

void Add(Node& map, absl::string_view key, Node value) {
  value.key = std::string(key);
  map.items.push_back(std::move(value));
}

void AppendFields(const Message& message, Node& map);

Node PluginToTree(const Any& any) {
  Node map = EmptyMap();
  if (validate::IsDisabled(any)) {
    Add(map, "disabled", Plain("true"));
  } else if (const std::unique_ptr<Message> config = Unpack(any)) {
    AppendFields(*config, map);
  } else {
    Add(map, "@unknown", String(any.type_url()));
  }
  return map;
}

Node MessageToTree(const FieldDescriptor& field, const Message& message) {
  if (IsDuration(field)) {
    const auto& duration = static_cast<const google::protobuf::Duration&>(message);
    return String(
        DurationText(absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos())));
  }
  if (const Any* any = dynamic_cast<const Any*>(&message)) return PluginToTree(*any);
  Node map = EmptyMap();
  AppendFields(message, map);
  return map;
}

Node EnumToTree(const EnumValueDescriptor& value) {
  std::string text = EnumText(value);
  // A number that this build has no name for, or ..._UNSPECIFIED in a list: shown, not read back.
  if (text.empty()) text = absl::StrCat("@", value.number());
  return String(std::move(text));
}

// The value of a field that is not repeated; `index` of one that is.
Node ValueToTree(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  const bool is_repeated = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return Plain((is_repeated ? reflection.GetRepeatedBool(message, &field, index)
                                : reflection.GetBool(message, &field))
                       ? "true"
                       : "false");
    case FieldDescriptor::CPPTYPE_INT32:
      return Plain(absl::StrCat(is_repeated ? reflection.GetRepeatedInt32(message, &field, index)
                                            : reflection.GetInt32(message, &field)));
    case FieldDescriptor::CPPTYPE_INT64:
      return Plain(absl::StrCat(is_repeated ? reflection.GetRepeatedInt64(message, &field, index)
                                            : reflection.GetInt64(message, &field)));
    case FieldDescriptor::CPPTYPE_UINT32:
      return Plain(absl::StrCat(is_repeated ? reflection.GetRepeatedUInt32(message, &field, index)
                                            : reflection.GetUInt32(message, &field)));
    case FieldDescriptor::CPPTYPE_UINT64: {
      const uint64_t value = is_repeated ? reflection.GetRepeatedUInt64(message, &field, index)
                                         : reflection.GetUInt64(message, &field);
      std::string text = IsSize(field) ? SizeText(value) : absl::StrCat(value);
      const bool has_unit = text.back() == 'B';
      return has_unit ? String(std::move(text)) : Plain(std::move(text));
    }
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumToTree(is_repeated ? *reflection.GetRepeatedEnum(message, &field, index)
                                    : *reflection.GetEnum(message, &field));
    case FieldDescriptor::CPPTYPE_STRING:
      return String(is_repeated ? reflection.GetRepeatedString(message, &field, index)
                                : reflection.GetString(message, &field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return MessageToTree(field, is_repeated
                                      ? reflection.GetRepeatedMessage(message, &field, index)
                                      : reflection.GetMessage(message, &field));
    default:
      return String("");  // Not in the contract: a test sees to it.
  }
}

Node MapToTree(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  Node map = EmptyMap();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    Add(map, entry.GetReflection()->GetString(entry, field.message_type()->map_key()),
        ValueToTree(entry, *field.message_type()->map_value(), -1));
  }
  std::sort(map.items.begin(), map.items.end(),
            [](const Node& a, const Node& b) { return a.key < b.key; });
  return map;
}

Node ListToTree(const Message& message, const FieldDescriptor& field) {
  Node list;
  list.type = Node::Type::kList;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    list.items.push_back(ValueToTree(message, field, i));
  }
  return list;
}

void AppendField(const Message& message, const FieldDescriptor& field, Node& map) {
  if (field.is_map()) {
    Add(map, field.name(), MapToTree(message, field));
  } else if (field.is_repeated()) {
    Add(map, field.name(), ListToTree(message, field));
  } else {
    Add(map, field.name(), ValueToTree(message, field, -1));
  }
}

// In the order in which the contract declares them, which is by meaning; numbers are by history.
void AppendFields(const Message& message, Node& map) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  std::sort(fields.begin(), fields.end(), [](const FieldDescriptor* a, const FieldDescriptor* b) {
    return a->index() < b->index();
  });
  for (const FieldDescriptor* field : fields) AppendField(message, *field, map);
}

}  // namespace

Node ToTree(const v1::Resource& resource) {
  Node map = EmptyMap();
  const Kind kind = KindOf(resource);
  if (kind != Kind::kNone) Add(map, "kind", String(std::string(KindName(kind))));
  std::vector<const FieldDescriptor*> fields;
  resource.GetReflection()->ListFields(resource, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->real_containing_oneof() == nullptr) {
      AppendField(resource, *field, map);
    } else {
      AppendFields(resource.GetReflection()->GetMessage(resource, field), map);
    }
  }
  return map;
}

}  // namespace sluice::resource
