// Is this whole configuration valid? What resources are to each other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/container/node_hash_map.h"
#include "api/resource/key.h"
#include "api/resource/problem.h"
#include "api/validate/facts.h"

namespace sluice::v1 {
class Resource;
}  // namespace sluice::v1

namespace sluice::validate {

using resource::Key;
using resource::Problem;

// What a call wants to change, all of it at once. Every key stands in it once.
struct ChangeSet {
  std::vector<const v1::Resource*> upserts;  // Borrowed for the call that gets it.
  std::vector<Key> deletions;                // Of what is not there: nothing happens.
};

// A configuration, as far as the checks across resources need it: references both ways, what routes
// match, addresses of listeners, credentials. Both functions cost what a change holds, not what the
// configuration holds: 10 µs for a route among 100,000.
//
// Thread: any one at a time; Check() by several at once.
// Memory: about 700 bytes for a route with one host and two paths.
class Index {
 public:
  Index() = default;
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  // All problems that the configuration would have after the change and that are within the change
  // or due to it, unsorted, without file and line (Locate). One that was there before in the same
  // way is a warning. What is wrong with a resource by itself is not among them (CheckResource).
  //
  //   what a resource refers to exists; what is deleted is not referred to
  //   no two routes match the same requests with the same rank on a shared listener and group
  //   no two listeners want one address where their groups overlap
  //   no two consumers have the same credential
  //   a route has an upstream or service, or a plugin that answers
  //   listeners speak what those are about that name them
  //   a subset of endpoints is one of a selector of its upstream
  std::vector<Problem> Check(const ChangeSet& change) const;

  // Makes the change, whatever Check() says of it: a store may hold what a later build refuses.
  void Apply(const ChangeSet& change);

  bool Contains(const Key& key) const { return entries_.contains(key); }
  size_t size() const { return entries_.size(); }

  // The resources that refer to `key`, sorted.
  std::vector<Key> ReferrersOf(const Key& key) const;

 private:
  friend class ChangeCheck;
  using KeyPointers = absl::InlinedVector<const Key*, 1>;

  void Insert(const Key& key, Facts facts);
  void Remove(const Key& key);

  // Pointers to keys of resources point here.
  absl::node_hash_map<Key, Facts> entries_;

  absl::flat_hash_map<Key, absl::flat_hash_set<const Key*>> referrers_;
  absl::flat_hash_map<MatchId, KeyPointers> routes_by_match_;
  absl::flat_hash_map<uint16_t, KeyPointers> listeners_by_port_;
  absl::flat_hash_map<std::string, KeyPointers> consumers_by_credential_;
  absl::flat_hash_set<const Key*> routes_without_target_;
};

}  // namespace sluice::validate
