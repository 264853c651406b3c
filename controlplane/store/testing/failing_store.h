// A store whose disk can be full.
#pragma once

#include <atomic>

#include "controlplane/store/store.h"

namespace sluice::store {

// Passes everything on to `store`, which outlives it, until it is told to fail.
class FailingStore final : public Store {
 public:
  explicit FailingStore(Store& store) : store_(store) {}

  // Commits and notes fail with RESOURCE_EXHAUSTED. Any thread.
  void SetFull(bool is_full) { is_full_ = is_full; }

  absl::StatusOr<Content> Load() override { return store_.Load(); }
  absl::Status Commit(const Head& expected, const NewCommit& commit) override {
    if (is_full_) return absl::ResourceExhaustedError("disk full");
    return store_.Commit(expected, commit);
  }
  absl::Status RaiseEpoch(const Head& expected, uint64_t epoch) override {
    return store_.RaiseEpoch(expected, epoch);
  }
  absl::StatusOr<std::vector<ProxyNote>> ProxyNotes() override { return store_.ProxyNotes(); }
  absl::Status WriteProxyNotes(const std::vector<ProxyNote>& notes) override {
    if (is_full_) return absl::ResourceExhaustedError("disk full");
    return store_.WriteProxyNotes(notes);
  }
  absl::StatusOr<std::vector<CommitRecord>> History(const HistoryQuery& query) override {
    return store_.History(query);
  }
  absl::StatusOr<ChangeSet> Changes(uint64_t from, uint64_t to) override {
    return store_.Changes(from, to);
  }

 private:
  Store& store_;
  std::atomic<bool> is_full_{false};
};

}  // namespace sluice::store
