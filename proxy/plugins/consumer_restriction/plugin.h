// consumer_restriction: decides by consumer or consumer group who may go on.
//
// Configuration: api/sluice/plugins/v1/consumer_restriction.proto. Bodies of any size pass
// untouched.
//
// Nobody known is answered 403 "consumer_unknown", somebody refused 403 "consumer_denied".
#pragma once

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class ConsumerRestriction;
}  // namespace v1

class ConsumerRestriction {
 public:
  struct Subjects {
    absl::flat_hash_set<std::string> consumers;
    absl::flat_hash_set<std::string> groups;

    bool empty() const { return consumers.empty() && groups.empty(); }
    bool Contain(absl::string_view consumer, absl::string_view group) const {
      return consumers.contains(consumer) || (!group.empty() && groups.contains(group));
    }
  };

  struct Settings {
    Subjects allow;  // Empty: everybody who is not denied.
    Subjects deny;
  };

  explicit ConsumerRestriction(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream& stream);

 private:
  const Settings& settings_;
};

// Always OK: every configuration of it can be run.
absl::StatusOr<Instance> MakeConsumerRestriction(const v1::ConsumerRestriction& config);

}  // namespace sluice::plugins
