// Which metrics exist, and their sums over all workers.
//
//   MetricRegistry registry;
//   WorkerMetrics& metrics = registry.AddWorker();                  // One a thread that counts.
//   GroupHandle<RouteMetric> route = registry.Acquire<RouteMetric>({"orders"});  // Build thread.
//   metrics.Add(route.group(), RouteMetric::kRequests, CodeClass::k2xx);         // Worker.
//   PrometheusText(registry) ...                                    // Control thread.
//
// Groups come and go with the configuration and are known by their labels: a route that stays over
// many generations keeps its numbers, because the new generation acquires its group before the old
// one lets go. When the last handle goes, the group's series vanish from the output. Its totals are
// remembered (those of the kRetiredGroups released last), so that counters of one that comes back
// go on where they were; beyond that they begin at 0, which Prometheus takes for a restart.
//
// Thread: any, but for WorkerMetrics. Takes a lock; not for the request path.
// Lifetime: outlives its workers' threads and its handles.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "proxy/observe/metric_table.h"
#include "proxy/observe/worker_metrics.h"

namespace sluice::observe {

class MetricRegistry;

// Keeps a group of metrics alive. Destroyed only when no worker uses the group any more.
template <typename Metric>
class GroupHandle {
 public:
  GroupHandle() = default;
  GroupHandle(GroupHandle&& other) noexcept
      : registry_(std::exchange(other.registry_, nullptr)), group_(other.group_) {}
  GroupHandle& operator=(GroupHandle&& other) noexcept {
    std::swap(registry_, other.registry_);
    std::swap(group_, other.group_);
    return *this;
  }
  ~GroupHandle();

  MetricGroup<Metric> group() const { return group_; }

 private:
  friend class MetricRegistry;
  GroupHandle(MetricRegistry* registry, uint32_t index) : registry_(registry), group_{index} {}

  MetricRegistry* registry_ = nullptr;
  MetricGroup<Metric> group_;
};

class MetricRegistry {
 public:
  static constexpr size_t kRetiredGroups = 10'000;

  // `max_groups` is at most WorkerMetrics::kMaxGroups.
  explicit MetricRegistry(size_t max_groups = WorkerMetrics::kMaxGroups);
  MetricRegistry(const MetricRegistry&) = delete;
  MetricRegistry& operator=(const MetricRegistry&) = delete;

  // Lives as long as the registry.
  WorkerMetrics& AddWorker();

  // The group of the scope's labels, in the order of InfoOf(scope).labels. If there are
  // `max_groups` already, further ones share one group whose labels are all "overflow".
  template <typename Metric>
  GroupHandle<Metric> Acquire(const std::vector<absl::string_view>& label_values) {
    return GroupHandle<Metric>(this, AcquireIndex(kScopeOf<Metric>, label_values));
  }

  // Of Scope::kWorkers: always there.
  MetricGroup<WorkersMetric> workers_group() const { return workers_.group(); }

  // Numbers of the process. Counters are set, too: their owner counts. `value` is the index of the
  // metric's label, where it has one.
  void Set(ProcessMetric metric, double number, size_t value = 0);
  double Get(ProcessMetric metric, size_t value = 0) const;

  // One group of a scope: its label values and the sums of its cells.
  struct Sample {
    std::vector<absl::string_view> label_values;
    std::vector<uint64_t> cells;
    bool is_shown = false;  // The rest is meaningless without it.
  };
  // Walks the groups of a scope in the order of their labels: takes the first one after `*key`, or
  // the first if there is none, and stores its key there and its numbers in `sample`, whose views
  // live until `*key` changes. False at the end. Groups that were never used are passed over where
  // the scope does not show those, but no more than a few hundred in one step, which then shows
  // nothing: steps are short, and each takes the lock for itself, so that a walk may be as slow as
  // its reader without holding up a change of the configuration.
  bool Next(Scope scope, std::optional<std::string>* key, Sample* sample) const;

 private:
  template <typename Metric>
  friend class GroupHandle;

  using Keys = std::map<std::string, uint32_t, std::less<>>;
  using Totals = std::unique_ptr<uint64_t[]>;
  struct Group {
    Scope scope = Scope::kWorkers;
    uint32_t references = 0;
    Keys::iterator key;
    Totals base;  // What earlier lives counted; null if nothing.
  };
  struct Retired {
    Scope scope;
    std::string key;
    Totals totals;
  };
  using KeyOfScope = std::pair<Scope, std::string>;

  uint32_t AcquireIndex(Scope scope, const std::vector<absl::string_view>& label_values);
  void Release(uint32_t index);
  uint32_t NewIndex() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsUsed(uint32_t index) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Sum(uint32_t index, uint64_t* cells) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Retire(Scope scope, std::string key, Totals totals) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Totals TakeRetired(Scope scope, const std::string& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const size_t max_groups_;
  mutable Mutex mu_;
  std::vector<std::unique_ptr<WorkerMetrics>> threads_ ABSL_GUARDED_BY(mu_);
  std::vector<Group> groups_ ABSL_GUARDED_BY(mu_);
  std::vector<uint32_t> free_ ABSL_GUARDED_BY(mu_);
  std::array<Keys, kScopes> by_key_ ABSL_GUARDED_BY(mu_);
  // Oldest first.
  std::list<Retired> retired_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<KeyOfScope, std::list<Retired>::iterator> retired_by_key_
      ABSL_GUARDED_BY(mu_);

  std::vector<std::vector<std::atomic<double>>> process_;  // Metric, value.
  GroupHandle<WorkersMetric> workers_;
};

template <typename Metric>
GroupHandle<Metric>::~GroupHandle() {
  if (registry_ != nullptr) registry_->Release(group_.index);
}

}  // namespace sluice::observe
