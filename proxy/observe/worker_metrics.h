// The numbers of one thread: an array of cells that it alone writes and anyone may read.
//
// Adding is a load, an addition and a store: no lock, no locked instruction, no line shared with
// another worker. The registry (metric_registry.h) hands out places in it and adds the workers up.
//
//   metrics.Add(route.metrics(), RouteMetric::kRequests, CodeClassOf(status));
//   metrics.Record(route.metrics(), RouteMetric::kRequestDuration, duration_ns);
//
// Thread: the one to which the registry gave it, for everything public.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <type_traits>

#include "base/prefetch.h"
#include "proxy/observe/histogram.h"
#include "proxy/observe/metric_table.h"

namespace sluice::observe {

// The cells of one listener, route, upstream ... in every worker. A number: copied freely, valid
// while the GroupHandle lives from which it came. The default one may be counted on, too; its
// numbers are shown nowhere.
template <typename Metric>
struct MetricGroup {
  uint32_t index = 0;
};

class WorkerMetrics {
 public:
  static constexpr size_t kMaxGroups = size_t{1} << 20;

  WorkerMetrics() = default;
  ~WorkerMetrics();
  WorkerMetrics(const WorkerMetrics&) = delete;
  WorkerMetrics& operator=(const WorkerMetrics&) = delete;

  template <typename Metric>
  void Add(MetricGroup<Metric> group, Metric metric, uint64_t n = 1) {
    Increase(Cells(group)[First(metric)], n);
  }
  // For metrics that have a label of their own.
  template <typename Metric, typename Value>
  requires std::is_enum_v<Value>
  void Add(MetricGroup<Metric> group, Metric metric, Value value, uint64_t n = 1) {
    Increase(Cells(group)[First(metric) + static_cast<size_t>(value)], n);
  }
  // The cell of a counter without a label, for what counts without knowing this class: by a load
  // and a store of its own. Valid as long as the group.
  template <typename Metric>
  std::atomic<uint64_t>* CounterOf(MetricGroup<Metric> group, Metric metric) {
    return Cells(group) + First(metric);
  }
  // For gauges.
  template <typename Metric>
  void Subtract(MetricGroup<Metric> group, Metric metric, uint64_t n = 1) {
    // Below zero it wraps; the sum over the workers is right nevertheless.
    Increase(Cells(group)[First(metric)], uint64_t{0} - n);
  }
  // For histograms.
  template <typename Metric>
  void Record(MetricGroup<Metric> group, Metric metric, int64_t duration_ns) {
    std::atomic<uint64_t>* cells = Cells(group) + First(metric);
    Increase(cells[kHistogramBuckets + DurationBucket(duration_ns)], 1);
    Increase(cells[kHistogramSum], duration_ns < 0 ? 0 : static_cast<uint64_t>(duration_ns));
  }
  // Fetch what counting on a group will touch into the cache, ahead of time: first where its cells
  // are, and later, when that has come, the first two lines of them.
  template <typename Metric>
  void PrefetchPlace(MetricGroup<Metric> group) const {
    if (const Page* page = pages_[group.index >> kPageBits].load(std::memory_order_relaxed)) {
      Prefetch(&(*page)[group.index % kPageSize]);
    }
  }
  template <typename Metric>
  void PrefetchCells(MetricGroup<Metric> group) const {
    const Page* page = pages_[group.index >> kPageBits].load(std::memory_order_relaxed);
    if (page == nullptr) return;
    const Cell* cells = (*page)[group.index % kPageSize].load(std::memory_order_relaxed);
    if (cells == nullptr) return;
    PrefetchForWrite(cells);
    PrefetchForWrite(cells + kCellsOfLine);
  }
  // By a reason of the registry in response_flags.h or a plugin's; "via_upstream" is none.
  void CountLocalReply(MetricGroup<WorkersMetric> group, absl::string_view details) {
    const size_t reason = ReasonIndex(details);
    if (reason == 0) return;
    Increase(Cells(group)[First(WorkersMetric::kLocalReplies) + reason - 1], 1);
  }

 private:
  friend class MetricRegistry;

  using Cell = std::atomic<uint64_t>;
  static constexpr size_t kCellsOfLine = 64 / sizeof(Cell);
  static constexpr size_t kPageBits = 10;
  static constexpr size_t kPageSize = size_t{1} << kPageBits;
  using Page = std::array<std::atomic<Cell*>, kPageSize>;

  template <typename Metric>
  static constexpr size_t First(Metric metric) {
    return kFirstCells<Metric>[static_cast<size_t>(metric)];
  }

  static void Increase(Cell& cell, uint64_t n) {
    cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  template <typename Metric>
  Cell* Cells(MetricGroup<Metric> group) {
    // Only this thread stores into these while the group is in use.
    Page* page = pages_[group.index >> kPageBits].load(std::memory_order_relaxed);
    Cell* cells = page == nullptr
                      ? nullptr
                      : (*page)[group.index % kPageSize].load(std::memory_order_relaxed);
    if (cells == nullptr) [[unlikely]] {
      cells = Allocate(group.index, kFirstCells<Metric>.back());
    }
    return cells;
  }
  Cell* Allocate(uint32_t index, size_t cells);

  // Any thread. Null if this worker never used the group.
  const Cell* Find(uint32_t index) const;
  // Frees the group's cells. No thread uses the group.
  void Forget(uint32_t index);

  std::array<std::atomic<Page*>, kMaxGroups / kPageSize> pages_{};
};

}  // namespace sluice::observe
