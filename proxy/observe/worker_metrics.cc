// Memory: 8 KiB for the directory, 8 bytes a group once one of its 1,024 neighbours is used, and a
// group's cells (29 of them for a route) when this worker first uses it. A flat array of cells
// would cost all of that for every route from the start.
#include "proxy/observe/worker_metrics.h"

#include <algorithm>

#include "base/line_pool.h"

namespace sluice::observe {

WorkerMetrics::~WorkerMetrics() {
  for (std::atomic<Page*>& slot : pages_) {
    Page* page = slot.load(std::memory_order_relaxed);
    if (page == nullptr) continue;
    for (std::atomic<Cell*>& cells : *page) LinePool::Free(cells.load(std::memory_order_relaxed));
    delete page;
  }
}

WorkerMetrics::Cell* WorkerMetrics::Allocate(uint32_t index, size_t cells) {
  std::atomic<Page*>& slot = pages_[index >> kPageBits];
  Page* page = slot.load(std::memory_order_relaxed);
  if (page == nullptr) {
    page = new Page{};
    slot.store(page, std::memory_order_release);  // Readers see a page of nulls.
  }
  if (index == 0) {  // Of no scope, so of every one.
    for (size_t i = 0; i < kScopes; ++i) {
      cells = std::max(cells, InfoOf(static_cast<Scope>(i)).cells);
    }
  }
  // Groups begin at a line of the cache: what a request counts then lies in as few as can be.
  Cell* block = new (LinePool::Allocate(cells * sizeof(Cell))) Cell[cells]{};
  (*page)[index % kPageSize].store(block, std::memory_order_release);
  return block;
}

const WorkerMetrics::Cell* WorkerMetrics::Find(uint32_t index) const {
  const Page* page = pages_[index >> kPageBits].load(std::memory_order_acquire);
  return page == nullptr ? nullptr : (*page)[index % kPageSize].load(std::memory_order_acquire);
}

void WorkerMetrics::Forget(uint32_t index) {
  Page* page = pages_[index >> kPageBits].load(std::memory_order_acquire);
  if (page == nullptr) return;
  LinePool::Free((*page)[index % kPageSize].exchange(nullptr, std::memory_order_acq_rel));
}

}  // namespace sluice::observe
