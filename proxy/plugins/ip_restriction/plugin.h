// ip_restriction: decides by the client's address who may go on.
//
// Configuration: api/sluice/plugins/v1/ip_restriction.proto. Bodies of any size pass untouched.
// A refusal is 403 "ip_denied".
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "api/match/ip_ranges.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class IpRestriction;
}  // namespace v1

class IpRestriction {
 public:
  struct Settings {
    match::IpRanges allow;  // Empty: everybody who is not denied.
    match::IpRanges deny;
    std::string message;
  };

  explicit IpRestriction(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream& stream);

 private:
  bool IsAllowed(const net::IpAddress& client) const;

  const Settings& settings_;
};

// INVALID_ARGUMENT names the field that cannot be used.
absl::StatusOr<Instance> MakeIpRestriction(const v1::IpRestriction& config);

}  // namespace sluice::plugins
