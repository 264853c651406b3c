#include "controlplane/fleet/testing/desired.h"

#include <google/protobuf/any.pb.h>

#include "api/resource/digest.h"
#include "sluice/plugins/v1/consumer_restriction.pb.h"
#include "sluice/plugins/v1/key_auth.pb.h"
#include "sluice/plugins/v1/request_id.pb.h"

namespace sluice::fleet {
namespace {

v1::Resource Named(absl::string_view name) {
  v1::Resource resource;
  resource.set_name(std::string(name));
  return resource;
}

template <typename Spec>
void SetGroups(const std::vector<std::string>& groups, Spec* spec) {
  spec->mutable_groups()->Add(groups.begin(), groups.end());
}

google::protobuf::Map<std::string, google::protobuf::Any>* PluginsOf(v1::Resource* resource) {
  switch (resource->spec_case()) {
    case v1::Resource::kService:
      return resource->mutable_service()->mutable_plugins();
    case v1::Resource::kRoute:
      return resource->mutable_route()->mutable_plugins();
    case v1::Resource::kConsumer:
      return resource->mutable_consumer()->mutable_plugins();
    case v1::Resource::kConsumerGroup:
      return resource->mutable_consumer_group()->mutable_plugins();
    case v1::Resource::kPluginSet:
      return resource->mutable_plugin_set()->mutable_plugins();
    default:
      return resource->mutable_global_rule()->mutable_plugins();
  }
}

}  // namespace

v1::Resource Listener(absl::string_view name, std::vector<std::string> groups) {
  v1::Resource resource = Named(name);
  resource.mutable_listener()->set_address("127.0.0.1:8080");
  SetGroups(groups, resource.mutable_listener());
  return resource;
}

v1::Resource Upstream(absl::string_view name) {
  v1::Resource resource = Named(name);
  resource.mutable_upstream();
  return resource;
}

v1::Resource Service(absl::string_view name, absl::string_view upstream) {
  v1::Resource resource = Named(name);
  resource.mutable_service()->set_upstream(std::string(upstream));
  return resource;
}

v1::Resource RouteTo(absl::string_view upstream, absl::string_view name,
                     std::vector<std::string> groups) {
  v1::Resource resource = Named(name);
  if (upstream.empty()) {
    resource.mutable_route();
  } else {
    resource.mutable_route()->set_upstream(std::string(upstream));
  }
  SetGroups(groups, resource.mutable_route());
  return resource;
}

v1::Resource Consumer(absl::string_view name, absl::string_view group) {
  v1::Resource resource = Named(name);
  resource.mutable_consumer()->set_consumer_group(std::string(group));
  return resource;
}

v1::Resource ConsumerGroup(absl::string_view name) {
  v1::Resource resource = Named(name);
  resource.mutable_consumer_group();
  return resource;
}

v1::Resource PluginSet(absl::string_view name) {
  v1::Resource resource = Named(name);
  resource.mutable_plugin_set();
  return resource;
}

v1::Resource GlobalRule(absl::string_view name, std::vector<std::string> groups) {
  v1::Resource resource = Named(name);
  SetGroups(groups, resource.mutable_global_rule());
  return resource;
}

void AddKeyAuth(v1::Resource* resource) {
  (*PluginsOf(resource))["key_auth"].PackFrom(plugins::v1::KeyAuth());
}

void AddRequestId(v1::Resource* resource) {
  (*PluginsOf(resource))["request_id"].PackFrom(plugins::v1::RequestId());
}

void AddRestriction(v1::Resource* resource, absl::string_view consumer) {
  plugins::v1::ConsumerRestriction settings;
  settings.mutable_allow()->add_consumers(std::string(consumer));
  (*PluginsOf(resource))["consumer_restriction"].PackFrom(settings);
}

resource::Key KeyOf(resource::Kind kind, absl::string_view name) {
  return {kind, "", std::string(name)};
}

store::ResourceChange Desired::Put(const v1::Resource& resource) {
  auto stored = std::make_shared<store::StoredResource>();
  stored->key = resource::KeyOf(resource);
  stored->bytes = resource::Serialise(resource);
  stored->digest = resource::Digest(stored->key, stored->bytes);
  std::shared_ptr<const store::StoredResource>& place = resources[stored->key];
  store::ResourceChange change{place, stored};
  place = stored;
  return change;
}

store::ResourceChange Desired::Delete(const resource::Key& key) {
  store::ResourceChange change{resources.at(key), nullptr};
  resources.erase(key);
  return change;
}

store::EndpointChange Desired::Register(const std::string& upstream, const std::string& owner,
                                        const std::string& address,
                                        resource::EndpointTraits traits) {
  auto stored = std::make_shared<store::StoredEndpoint>();
  stored->upstream = upstream;
  stored->owner = owner;
  stored->address = address;
  stored->traits = std::move(traits);
  std::shared_ptr<const store::StoredEndpoint>& place = endpoints[{upstream, owner, address}];
  store::EndpointChange change{place, stored};
  place = stored;
  return change;
}

store::EndpointChange Desired::Withdraw(const EndpointKey& key) {
  store::EndpointChange change{endpoints.at(key), nullptr};
  endpoints.erase(key);
  return change;
}

}  // namespace sluice::fleet
