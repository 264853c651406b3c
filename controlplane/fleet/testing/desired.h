// Desired configuration for tests, and the changes that lead from one to the next.
//
//   Desired desired;
//   catalog.Apply({desired.Put(Upstream("orders")), desired.Put(RouteTo("orders", "a"))}, {});
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/resource/key.h"
#include "controlplane/store/store.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::fleet {

// Resources by name, to be filled in further by the test.
v1::Resource Listener(absl::string_view name, std::vector<std::string> groups = {});
v1::Resource Upstream(absl::string_view name);
v1::Resource Service(absl::string_view name, absl::string_view upstream);
v1::Resource RouteTo(absl::string_view upstream, absl::string_view name,
                     std::vector<std::string> groups = {});
v1::Resource Consumer(absl::string_view name, absl::string_view group = "");
v1::Resource ConsumerGroup(absl::string_view name);
v1::Resource PluginSet(absl::string_view name);
v1::Resource GlobalRule(absl::string_view name, std::vector<std::string> groups = {});

// Configures key_auth in the resource, whatever its kind.
void AddKeyAuth(v1::Resource* resource);
// Configures request_id, which authenticates nobody.
void AddRequestId(v1::Resource* resource);
// Configures consumer_restriction, which allows the consumer.
void AddRestriction(v1::Resource* resource, absl::string_view consumer);

resource::Key KeyOf(resource::Kind kind, absl::string_view name);

class Desired {
 public:
  using EndpointKey = std::tuple<std::string, std::string, std::string>;

  store::ResourceChange Put(const v1::Resource& resource);
  store::ResourceChange Delete(const resource::Key& key);
  store::EndpointChange Register(const std::string& upstream, const std::string& owner,
                                 const std::string& address, resource::EndpointTraits traits = {});
  store::EndpointChange Withdraw(const EndpointKey& key);

  std::map<resource::Key, std::shared_ptr<const store::StoredResource>> resources;
  std::map<EndpointKey, std::shared_ptr<const store::StoredEndpoint>> endpoints;
};

}  // namespace sluice::fleet
