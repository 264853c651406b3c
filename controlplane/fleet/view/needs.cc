#include "controlplane/fleet/view/needs.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "api/resource/references.h"
#include "api/resource/rules.h"
#include "api/resource/schema.h"
#include "api/validate/plugins/registry.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::fleet {
namespace {

using google::protobuf::Any;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using resource::Kind;

template <typename T>
void SortUnique(std::vector<T>* values) {
  std::sort(values->begin(), values->end());
  values->erase(std::unique(values->begin(), values->end()), values->end());
}

bool IsOfConsumers(Kind kind) { return kind == Kind::kConsumer || kind == Kind::kConsumerGroup; }

void AddReferences(const v1::Resource& resource, Needs* needs) {
  for (resource::Reference& reference : resource::References(resource)) {
    const Kind kind = reference.target.kind;
    if (kind == Kind::kListener) {
      needs->listeners.push_back(std::move(reference.target));
    } else if (!IsOfConsumers(kind) || !absl::StartsWith(reference.field, "plugins.")) {
      needs->refs.push_back(std::move(reference.target));
    }
  }
}

void AddPlugin(Kind of, const Any& any, Needs* needs) {
  const validate::Plugin* plugin = validate::PluginOf(any);
  if (plugin == nullptr) return;
  needs->plugins.push_back(plugin->name);
  // On a consumer it could never run, and would keep alive what alone it is seen for.
  const bool authenticates = plugin->phase == validate::Phase::kAuthenticate;
  if (authenticates && !IsOfConsumers(of)) needs->authenticates = true;
}

// Of the spec, whose fields `plugins` are maps from names to Any.
void AddPlugins(Kind of, const Message& spec, Needs* needs) {
  std::vector<const FieldDescriptor*> fields;
  spec.GetReflection()->ListFields(spec, &fields);
  for (const FieldDescriptor* field : fields) {
    if (!resource::IsPlugins(*field)) continue;
    for (int i = 0; i < spec.GetReflection()->FieldSize(spec, field); ++i) {
      const Message& entry = spec.GetReflection()->GetRepeatedMessage(spec, field, i);
      const Message& any =
          entry.GetReflection()->GetMessage(entry, field->message_type()->map_value());
      AddPlugin(of, static_cast<const Any&>(any), needs);
    }
  }
}

}  // namespace

Needs NeedsOf(const resource::Key& key, absl::string_view bytes) {
  v1::Resource resource;
  if (!resource.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
  return NeedsOf(key, resource);
}

Needs NeedsOf(const resource::Key& key, const v1::Resource& resource) {
  Needs needs;
  const auto copy = [&needs](const auto& groups) {
    needs.groups.assign(groups.begin(), groups.end());
  };
  if (resource.has_listener()) copy(resource.listener().groups());
  needs.has_tls = resource.listener().has_tls();
  if (resource.has_route()) copy(resource.route().groups());
  if (resource.has_stream_route()) copy(resource.stream_route().groups());
  if (resource.has_global_rule()) copy(resource.global_rule().groups());
  needs.schema = resource::SchemaOf(resource);
  AddReferences(resource, &needs);
  const FieldDescriptor* spec = resource.GetReflection()->GetOneofFieldDescriptor(
      resource, v1::Resource::descriptor()->FindOneofByName("spec"));
  if (spec != nullptr) {
    AddPlugins(key.kind, resource.GetReflection()->GetMessage(resource, spec), &needs);
  }
  SortUnique(&needs.groups);
  SortUnique(&needs.listeners);
  SortUnique(&needs.refs);
  SortUnique(&needs.plugins);
  return needs;
}

}  // namespace sluice::fleet
