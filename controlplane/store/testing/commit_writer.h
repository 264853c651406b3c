// Fills a store without a ledger.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "controlplane/store/store.h"

namespace sluice::store {

// A resource with made-up bytes: stores do not look into them.
std::shared_ptr<const StoredResource> MakeResource(const std::string& name,
                                                   const std::string& bytes, uint64_t changed_in);
std::shared_ptr<const StoredEndpoint> MakeEndpoint(const std::string& upstream,
                                                   const std::string& address,
                                                   resource::EndpointTraits traits = {});

// What a store holds, to be compared and printed: "Route/a" -> "bytes", and
// "upstream owner address" -> weight and zone, "tickets" -> "bytes".
std::map<std::string, std::string> Flat(const Content& content);

// Writes commits the way the ledger does: each from the content before it.
class CommitWriter {
 public:
  explicit CommitWriter(Store& store) : store_(store) {}

  // Sets routes to bytes, deletes those of empty bytes.
  absl::Status Commit(const std::map<std::string, std::string>& routes, CommitMeta meta = {});
  // Sets endpoints of "orders" to weights, withdraws those of weight 0.
  absl::Status Register(const std::map<std::string, uint32_t>& addresses);
  absl::Status Register(const std::string& address, const resource::EndpointTraits& traits);
  absl::Status SetTickets(const std::string& bytes);

 private:
  absl::Status WriteEndpoints(const std::map<std::string, resource::EndpointTraits>& addresses);
  absl::Status Write(const Content& content, NewCommit commit, CommitMeta meta);

  Store& store_;
};

}  // namespace sluice::store
