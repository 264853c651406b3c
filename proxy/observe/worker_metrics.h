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

// One group's cells in one worker: for who counts several things, or wants them fetched ahead.
// Valid as long as the group. The default one holds no cells, and must not be counted on.
template <typename Metric>
class GroupCells {
 public:
  GroupCells() = default;
  bool is_empty() const { return cells_ == nullptr; }

  void Add(Metric metric, uint64_t n = 1) const { Increase(cells_[First(metric)], n); }
  // For metrics that have a label of their own.
  template <typename Value>
  requires std::is_enum_v<Value>
  void Add(Metric metric, Value value, uint64_t n = 1) const {
    AddAt(metric, static_cast<size_t>(value), n);
  }
  void AddAt(Metric metric, size_t value, uint64_t n = 1) const {
    Increase(cells_[First(metric) + value], n);
  }
  // For gauges.
  void Subtract(Metric metric, uint64_t n = 1) const {
    // Below zero it wraps; the sum over the workers is right nevertheless.
    Increase(cells_[First(metric)], uint64_t{0} - n);
  }
  // For histograms.
  void Record(Metric metric, int64_t duration_ns) const {
    Cell* const cells = cells_ + First(metric);
    Increase(cells[kHistogramBuckets + DurationBucket(duration_ns)], 1);
    Increase(cells[kHistogramSum], duration_ns < 0 ? 0 : static_cast<uint64_t>(duration_ns));
  }
  // The first two lines of them, into the cache.
  void Fetch() const {
    PrefetchForWrite(cells_);
    PrefetchForWrite(cells_ + kCellsOfLine);
  }

 private:
  friend class WorkerMetrics;
  using Cell = std::atomic<uint64_t>;
  static constexpr size_t kCellsOfLine = 64 / sizeof(Cell);

  explicit GroupCells(Cell* cells) : cells_(cells) {}

  static constexpr size_t First(Metric metric) {
    return kFirstCells<Metric>[static_cast<size_t>(metric)];
  }

  static void Increase(Cell& cell, uint64_t n) {
    cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  Cell* cells_ = nullptr;
};

class WorkerMetrics {
 public:
  static constexpr size_t kMaxGroups = size_t{1} << 20;

  WorkerMetrics() = default;
  ~WorkerMetrics();
  WorkerMetrics(const WorkerMetrics&) = delete;
  WorkerMetrics& operator=(const WorkerMetrics&) = delete;

  template <typename Metric>
  GroupCells<Metric> CellsOf(MetricGroup<Metric> group) {
    return GroupCells<Metric>(Cells(group));
  }
  // Fetches into the cache what CellsOf() will read.
  template <typename Metric>
  void FetchPlace(MetricGroup<Metric> group) const {
    if (const Page* page = pages_[group.index >> kPageBits].load(std::memory_order_relaxed)) {
      Prefetch(&(*page)[group.index % kPageSize]);
    }
  }

  // As those of GroupCells.
  template <typename Metric>
  void Add(MetricGroup<Metric> group, Metric metric, uint64_t n = 1) {
    CellsOf(group).Add(metric, n);
  }
  template <typename Metric, typename Value>
  requires std::is_enum_v<Value>
  void Add(MetricGroup<Metric> group, Metric metric, Value value, uint64_t n = 1) {
    CellsOf(group).Add(metric, value, n);
  }
  template <typename Metric>
  void Subtract(MetricGroup<Metric> group, Metric metric, uint64_t n = 1) {
    CellsOf(group).Subtract(metric, n);
  }
  template <typename Metric>
  void Record(MetricGroup<Metric> group, Metric metric, int64_t duration_ns) {
    CellsOf(group).Record(metric, duration_ns);
  }
  // The cell of a counter without a label, for what counts without knowing this class: by a load
  // and a store of its own. Valid as long as the group.
  template <typename Metric>
  std::atomic<uint64_t>* CounterOf(MetricGroup<Metric> group, Metric metric) {
    return Cells(group) + GroupCells<Metric>::First(metric);
  }
  // By a reason of the registry in response_flags.h or a plugin's; "via_upstream" is none.
  void CountLocalReply(MetricGroup<WorkersMetric> group, absl::string_view details) {
    const size_t reason = ReasonIndex(details);
    if (reason == 0) return;
    CellsOf(group).AddAt(WorkersMetric::kLocalReplies, reason - 1);
  }

 private:
  friend class MetricRegistry;

  using Cell = std::atomic<uint64_t>;
  static constexpr size_t kPageBits = 10;
  static constexpr size_t kPageSize = size_t{1} << kPageBits;
  using Page = std::array<std::atomic<Cell*>, kPageSize>;

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
