// Who waits for a generation to arrive at the fleet.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controlplane/fleet/node.h"
#include "controlplane/fleet/view/feeds.h"
#include "sluice/v1/fleet.pb.h"

namespace sluice::fleet {

// Remembers which proxies each of the last commits concerned, and follows what becomes of them.
//
// A wait is for the proxies that were connected when its generation was committed and whose view it
// changed. Where that is no longer remembered, and for the generation at which this control plane
// started, it is for all that are connected when the wait begins.
//
// Thread: one at a time.
class Waits {
 public:
  // What the others know.
  struct Fleet {
    // Null: not listed (forgotten).
    std::function<const Node*(const std::string& node)> find;
    std::function<Members()> connected;
    std::function<store::GenerationId()> head;
    std::function<absl::Time()> now;
  };

  // One call of WaitForGeneration. Destroying it ends the wait.
  class Wait {
   public:
    virtual ~Wait() = default;

    // As the sets stand. With `is_over` it is the last: whoever is pending is late.
    virtual v1::WaitForGenerationResponse Describe(bool is_over) const = 0;

    // The generation has been committed, so that it is known who is waited for.
    virtual bool is_committed() const = 0;

    // Nobody is pending.
    virtual bool is_done() const = 0;
  };

  explicit Waits(Fleet fleet);
  ~Waits();

  // `on_change` runs whenever the sets change, not within Begin(). It may not destroy the wait.
  std::unique_ptr<Wait> Begin(uint64_t generation, std::vector<std::string> groups,
                              std::function<void()> on_change);

  void OnCommit(uint64_t generation, std::vector<std::shared_ptr<const Members>> concerned);

  // Something about the node changed. Costs what the number of waits is.
  void OnNode(const std::string& node);

 private:
  class Entry;
  struct Commit {
    uint64_t generation;
    std::vector<std::shared_ptr<const Members>> concerned;
  };

  // Who is waited for; unset: the generation has not been committed.
  std::optional<Members> Concerned(uint64_t generation) const;

  const Fleet fleet_;
  std::deque<Commit> commits_;  // Oldest first, without gaps.
  std::set<Entry*> waits_;
};

}  // namespace sluice::fleet
