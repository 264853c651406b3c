#include "api/resource/walk.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/resource/pack.h"
#include "api/resource/rules.h"
#include "api/validate/plugins/registry.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {
namespace {

using google::protobuf::Any;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::vector<const Descriptor*> TypesOfContract() {
  std::vector<const Descriptor*> types = {v1::Resource::descriptor()};
  for (const validate::Plugin& plugin : validate::Plugins()) {
    types.push_back(plugin.prototype->GetDescriptor());
  }
  return types;
}

}  // namespace

std::string JoinPath(absl::string_view path, const FieldDescriptor& field) {
  // The oneof `spec` is not seen in the flat form.
  if (field.real_containing_oneof() != nullptr) return std::string(path);
  return path.empty() ? field.name() : absl::StrCat(path, ".", field.name());
}

FieldFinder::FieldFinder(FieldProperty property) : FieldFinder(property, TypesOfContract()) {}

FieldFinder::FieldFinder(FieldProperty property, absl::Span<const Descriptor* const> roots)
    : property_(property) {
  bool plugins_have_it = false;
  absl::flat_hash_set<const Descriptor*> seen;
  // Plugins first: whether any has the property decides about all that can hold plugins.
  for (size_t i = roots.size(); i-- > 0;) {
    if (i == 0 && plugins_have_it) types_.insert(Any::descriptor());
    if (Explore(*roots[i], seen) && i > 0) plugins_have_it = true;
  }
}

bool FieldFinder::Explore(const Descriptor& type, absl::flat_hash_set<const Descriptor*>& seen) {
  if (types_.contains(&type)) return true;
  if (!seen.insert(&type).second) return false;
  bool reaches = false;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (property_(field)) reaches = true;
    if (field.message_type() != nullptr && Explore(*field.message_type(), seen)) reaches = true;
  }
  if (reaches) types_.insert(&type);
  return reaches;
}

class FieldFinder::Walker {
 public:
  Walker(const FieldFinder& finder, OnField on_field) : finder_(finder), on_field_(on_field) {}

  void Visit(const Message& message, const std::string& path) {
    if (!finder_.Reaches(*message.GetDescriptor())) return;
    if (message.GetDescriptor() == Any::descriptor()) {
      VisitPlugin(static_cast<const Any&>(message), path);
      return;
    }
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      if (finder_.property_(*field)) on_field_(message, *field, JoinPath(path, *field));
      const Descriptor* type = field->message_type();
      if (type != nullptr && finder_.Reaches(*type)) VisitField(message, *field, path);
    }
  }

 private:
  void VisitField(const Message& message, const FieldDescriptor& field, absl::string_view parent) {
    const Reflection& reflection = *message.GetReflection();
    const std::string path = JoinPath(parent, field);
    if (!field.is_repeated()) {
      Visit(reflection.GetMessage(message, &field), path);
      return;
    }
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      const Message& element = reflection.GetRepeatedMessage(message, &field, i);
      if (field.is_map()) {
        VisitEntry(element, *field.message_type(), path);
      } else {
        Visit(element, absl::StrCat(path, "[", i, "]"));
      }
    }
  }

  void VisitEntry(const Message& entry, const Descriptor& type, absl::string_view path) {
    const Reflection& reflection = *entry.GetReflection();
    if (type.map_value()->message_type() == nullptr) return;
    Visit(reflection.GetMessage(entry, type.map_value()),
          absl::StrCat(path, ".", reflection.GetString(entry, type.map_key())));
  }

  void VisitPlugin(const Any& any, const std::string& path) {
    const validate::Plugin* plugin = validate::PluginOf(any);
    if (plugin == nullptr || !finder_.Reaches(*plugin->prototype->GetDescriptor())) return;
    if (const std::unique_ptr<Message> config = Unpack(any)) Visit(*config, path);
  }

  const FieldFinder& finder_;
  const OnField on_field_;
};

void FieldFinder::Walk(const Message& message, OnField on_field) const {
  Walker(*this, on_field).Visit(message, "");
}

}  // namespace sluice::resource
