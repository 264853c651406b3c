// A group's index is used again once its last handle is gone. That is safe without any care on the
// workers' side: handles live in what a generation compiled, which is destroyed only after every
// worker has let go of it, and a new holder of the index reaches workers only with a later
// generation.
#include "proxy/observe/metric_registry.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace sluice::observe {

namespace {

constexpr absl::string_view kSeparator("\0", 1);  // In no name or address.

// Of one step of a walk: about 50 us.
constexpr size_t kMaxPassedOver = 500;

size_t CellsOf(Scope scope) { return InfoOf(scope).cells; }

// What a gauge counted is over when its group goes.
void ClearGauges(Scope scope, uint64_t* cells) {
  for (const MetricFamily& family : InfoOf(scope).families) {
    if (family.type == kGauge) std::fill_n(cells, family.cells(), 0);
    cells += family.cells();
  }
}

}  // namespace

MetricRegistry::MetricRegistry(size_t max_groups) : max_groups_(max_groups) {
  for (const MetricFamily& family : ProcessFamilies()) process_.emplace_back(family.values);
  groups_.emplace_back();  // Index 0 stands for no group.
  workers_ = Acquire<WorkersMetric>({});
  Set(ProcessMetric::kBuildInfo, 1);
}

WorkerMetrics& MetricRegistry::AddWorker() {
  MutexLock lock(mu_);
  return *threads_.emplace_back(std::make_unique<WorkerMetrics>());
}

void MetricRegistry::Set(ProcessMetric metric, double number, size_t value) {
  process_[static_cast<size_t>(metric)][value].store(number, std::memory_order_relaxed);
}

double MetricRegistry::Get(ProcessMetric metric, size_t value) const {
  return process_[static_cast<size_t>(metric)][value].load(std::memory_order_relaxed);
}

uint32_t MetricRegistry::NewIndex() {
  if (free_.empty()) {
    groups_.emplace_back();
    return static_cast<uint32_t>(groups_.size() - 1);
  }
  const uint32_t index = free_.back();
  free_.pop_back();
  return index;
}

uint32_t MetricRegistry::AcquireIndex(Scope scope,
                                      const std::vector<absl::string_view>& label_values) {
  MutexLock lock(mu_);
  Keys& keys = by_key_[static_cast<size_t>(scope)];
  std::string key = absl::StrJoin(label_values, kSeparator);
  // One place for the overflow group of each scope stays free.
  if (!keys.contains(key) && free_.empty() && groups_.size() + kScopes >= max_groups_) {
    key =
        absl::StrJoin(std::vector<absl::string_view>(label_values.size(), "overflow"), kSeparator);
  }
  const auto [it, is_new] = keys.try_emplace(std::move(key), 0);
  if (is_new) {
    it->second = NewIndex();
    groups_[it->second] = {scope, 0, it, TakeRetired(scope, it->first)};
  }
  ++groups_[it->second].references;
  return it->second;
}

void MetricRegistry::Release(uint32_t index) {
  MutexLock lock(mu_);
  Group& group = groups_[index];
  if (--group.references > 0) return;
  if (IsUsed(index)) {
    Totals totals(new uint64_t[CellsOf(group.scope)]);
    Sum(index, totals.get());
    ClearGauges(group.scope, totals.get());
    Retire(group.scope, group.key->first, std::move(totals));
  }
  for (const std::unique_ptr<WorkerMetrics>& thread : threads_) thread->Forget(index);
  by_key_[static_cast<size_t>(group.scope)].erase(group.key);
  group.base = nullptr;
  free_.push_back(index);
}

bool MetricRegistry::IsUsed(uint32_t index) const {
  return groups_[index].base != nullptr ||
         std::any_of(threads_.begin(), threads_.end(),
                     [&](const auto& thread) { return thread->Find(index) != nullptr; });
}

void MetricRegistry::Sum(uint32_t index, uint64_t* cells) const {
  const Group& group = groups_[index];
  const size_t count = CellsOf(group.scope);
  if (group.base != nullptr) {
    std::copy_n(group.base.get(), count, cells);
  } else {
    std::fill_n(cells, count, 0);
  }
  for (const std::unique_ptr<WorkerMetrics>& thread : threads_) {
    const std::atomic<uint64_t>* from = thread->Find(index);
    for (size_t i = 0; from != nullptr && i < count; ++i) {
      cells[i] += from[i].load(std::memory_order_relaxed);
    }
  }
}

void MetricRegistry::Retire(Scope scope, std::string key, Totals totals) {
  if (retired_.size() == kRetiredGroups) {
    retired_by_key_.erase({retired_.front().scope, retired_.front().key});
    retired_.pop_front();
  }
  retired_.push_back({scope, key, std::move(totals)});
  retired_by_key_[{scope, std::move(key)}] = std::prev(retired_.end());
}

MetricRegistry::Totals MetricRegistry::TakeRetired(Scope scope, const std::string& key) {
  const auto it = retired_by_key_.find(KeyOfScope(scope, key));
  if (it == retired_by_key_.end()) return nullptr;
  Totals totals = std::move(it->second->totals);
  retired_.erase(it->second);
  retired_by_key_.erase(it);
  return totals;
}

bool MetricRegistry::Next(Scope scope, std::optional<std::string>* key, Sample* sample) const {
  MutexLock lock(mu_);
  const Keys& keys = by_key_[static_cast<size_t>(scope)];
  const ScopeInfo& info = InfoOf(scope);
  auto it = key->has_value() ? keys.upper_bound(**key) : keys.begin();
  if (it == keys.end()) return false;
  const auto is_shown = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return info.shows_unused || IsUsed(it->second);
  };
  for (size_t passed = 0; !is_shown() && passed < kMaxPassedOver; ++passed) {
    if (std::next(it) == keys.end()) break;
    ++it;
  }
  *key = it->first;
  sample->is_shown = is_shown();
  if (!sample->is_shown) return true;
  sample->cells.resize(info.cells);
  Sum(it->second, sample->cells.data());
  sample->label_values.clear();
  if (!info.labels.empty()) sample->label_values = absl::StrSplit(**key, kSeparator);
  return true;
}

}  // namespace sluice::observe
