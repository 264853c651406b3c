#include "controlplane/fleet/view/needs.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <memory>

#include "api/resource/pack.h"
#include "api/resource/rules.h"
#include "api/validate/plugins/registry.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::fleet {
namespace {

using google::protobuf::Any;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using resource::Kind;

template <typename T>
void SortUnique(std::vector<T>* values) {
  std::sort(values->begin(), values->end());
  values->erase(std::unique(values->begin(), values->end()), values->end());
}

// Walks the fields that are set.
class Walk {
 public:
  Walk(const resource::Key& key, Needs* needs) : key_(key), needs_(*needs) {}

  void Visit(const Message& message) {
    if (message.GetDescriptor() == Any::descriptor()) {
      VisitPlugin(static_cast<const Any&>(message));
      return;
    }
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) VisitField(message, *field);
  }

 private:
  void VisitField(const Message& message, const FieldDescriptor& field) {
    needs_.schema = std::max(needs_.schema, resource::SinceOf(field));
    const absl::string_view ref = resource::ReferenceOf(field);
    if (!ref.empty()) {
      VisitReference(message, field, resource::KindOfName(ref));
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      VisitMessages(message, field);
    }
  }

  // A map's entries are messages too, with their key and value as fields.
  void VisitMessages(const Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    if (!field.is_repeated()) {
      Visit(reflection.GetMessage(message, &field));
      return;
    }
    const int size = reflection.FieldSize(message, &field);
    for (int i = 0; i < size; ++i) Visit(reflection.GetRepeatedMessage(message, &field, i));
  }

  void VisitReference(const Message& message, const FieldDescriptor& field, Kind kind) {
    const Reflection& reflection = *message.GetReflection();
    if (!field.is_repeated()) {
      AddReference(kind, reflection.GetString(message, &field));
      return;
    }
    const int size = reflection.FieldSize(message, &field);
    for (int i = 0; i < size; ++i) {
      AddReference(kind, reflection.GetRepeatedString(message, &field, i));
    }
  }

  void AddReference(Kind kind, const std::string& name) {
    resource::Key ref{kind, key_.ns, name};
    if (kind == Kind::kListener) {
      needs_.listeners.push_back(std::move(ref));
    } else if (!in_plugin_ || (kind != Kind::kConsumer && kind != Kind::kConsumerGroup)) {
      needs_.refs.push_back(std::move(ref));
    }
  }

  void VisitPlugin(const Any& any) {
    const validate::Plugin* plugin = validate::PluginOf(any);
    if (plugin == nullptr) return;
    needs_.plugins.push_back(plugin->name);
    needs_.schema = std::max(needs_.schema, plugin->since);
    // On a consumer it could never run, and would keep alive what alone it is seen for.
    const bool is_of_consumer = key_.kind == Kind::kConsumer || key_.kind == Kind::kConsumerGroup;
    if (plugin->phase == validate::Phase::kAuthenticate && !is_of_consumer) {
      needs_.authenticates = true;
    }
    const std::unique_ptr<Message> settings = resource::Unpack(any);
    if (settings == nullptr) return;
    in_plugin_ = true;
    Visit(*settings);
    in_plugin_ = false;
  }

  const resource::Key& key_;
  Needs& needs_;
  bool in_plugin_ = false;
};

}  // namespace

Needs NeedsOf(const resource::Key& key, absl::string_view bytes) {
  Needs needs;
  v1::Resource resource;
  if (!resource.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return needs;
  const auto copy = [&needs](const auto& groups) {
    needs.groups.assign(groups.begin(), groups.end());
  };
  if (resource.has_listener()) copy(resource.listener().groups());
  if (resource.has_route()) copy(resource.route().groups());
  if (resource.has_global_rule()) copy(resource.global_rule().groups());
  Walk(key, &needs).Visit(resource);
  SortUnique(&needs.groups);
  SortUnique(&needs.listeners);
  SortUnique(&needs.refs);
  SortUnique(&needs.plugins);
  return needs;
}

}  // namespace sluice::fleet
