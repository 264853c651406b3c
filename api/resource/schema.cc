#include "api/resource/schema.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "api/resource/rules.h"
#include "api/resource/walk.h"
#include "api/validate/plugins/registry.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "sluice/v1/options.pb.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

uint32_t SinceOfValue(const EnumValueDescriptor& value) {
  return value.options().GetExtension(v1::value_since);
}

bool HasLateValue(const EnumDescriptor& type) {
  for (int i = 0; i < type.value_count(); ++i) {
    if (SinceOfValue(*type.value(i)) > 1) return true;
  }
  return false;
}

bool HasLatePlugin() {
  return std::any_of(validate::Plugins().begin(), validate::Plugins().end(),
                     [](const validate::Plugin& plugin) { return plugin.since > 1; });
}

void AddValues(const Message& message, const FieldDescriptor& field, const std::string& path,
               std::vector<LateField>& late) {
  const Reflection& reflection = *message.GetReflection();
  const auto add = [&](std::string where, const EnumValueDescriptor& value) {
    if (SinceOfValue(value) > 1) late.push_back({std::move(where), SinceOfValue(value)});
  };
  if (!field.is_repeated()) {
    add(path, *reflection.GetEnum(message, &field));
    return;
  }
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    add(absl::StrCat(path, "[", i, "]"), *reflection.GetRepeatedEnum(message, &field, i));
  }
}

void AddPlugins(const Message& message, const FieldDescriptor& field, const std::string& path,
                std::vector<LateField>& late) {
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    const std::string name =
        entry.GetReflection()->GetString(entry, field.message_type()->map_key());
    // By its key: {disabled: true} names a plugin too.
    const validate::Plugin* plugin = validate::FindPlugin(name);
    if (plugin != nullptr && plugin->since > 1) {
      late.push_back({absl::StrCat(path, ".", name), plugin->since});
    }
  }
}

}  // namespace

bool CameLate(const FieldDescriptor& field) {
  if (SinceOf(field) > 1) return true;
  if (field.enum_type() != nullptr) return HasLateValue(*field.enum_type());
  return IsPlugins(field) && HasLatePlugin();
}

std::vector<LateField> LateFields(const Message& message, const FieldFinder& finder) {
  std::vector<LateField> late;
  finder.Walk(message, [&late](const Message& holder, const FieldDescriptor& field,
                               const std::string& path) {
    if (SinceOf(field) > 1) late.push_back({path, SinceOf(field)});
    if (field.enum_type() != nullptr) AddValues(holder, field, path, late);
    if (IsPlugins(field)) AddPlugins(holder, field, path, late);
  });
  return late;
}

std::vector<LateField> LateFields(const v1::Resource& resource) {
  static const FieldFinder& finder = *new FieldFinder(&CameLate);
  return LateFields(resource, finder);
}

uint32_t SchemaOf(const v1::Resource& resource) {
  uint32_t schema = 1;
  for (const LateField& late : LateFields(resource)) schema = std::max(schema, late.since);
  return schema;
}

}  // namespace sluice::resource
