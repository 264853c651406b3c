#include "controlplane/admin/watch.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status_macros.h"

namespace sluice::admin {
namespace {

// About 4 MiB of a watcher that does not read.
constexpr size_t kMostWaiting = 16'384;

void SetTime(absl::Time time, google::protobuf::Timestamp& out) {
  const int64_t nanos = absl::ToUnixNanos(time);
  out.set_seconds(nanos / 1'000'000'000);
  out.set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

v1::Event EventOf(const store::CommitRecord& record) {
  v1::Event event;
  SetTime(record.time, *event.mutable_time());
  *event.mutable_commit() = ToProto(record);
  return event;
}

v1::Commit::Origin OriginOf(store::Origin origin) {
  switch (origin) {
    case store::Origin::kEndpoints:
      return v1::Commit::ENDPOINTS;
    case store::Origin::kTicketKeys:
      return v1::Commit::TICKET_KEYS;
    case store::Origin::kConfiguration:
      break;
  }
  return v1::Commit::CONFIGURATION;
}

}  // namespace

v1::Commit ToProto(const store::CommitRecord& record) {
  v1::Commit commit;
  commit.set_generation(record.generation.number);
  SetTime(record.time, *commit.mutable_time());
  commit.set_author(record.meta.author);
  commit.set_from(record.meta.from);
  commit.set_message(record.meta.message);
  commit.set_created(record.created);
  commit.set_updated(record.updated);
  commit.set_deleted(record.deleted);
  commit.set_origin(OriginOf(record.meta.origin));
  commit.set_rollback_of(record.meta.rollback_of);
  return commit;
}

absl::StatusOr<std::unique_ptr<WatchHub::Watch>> WatchHub::Open(const v1::WatchRequest& request,
                                                                std::function<void()> on_event) {
  std::unique_ptr<Watch> watch(new Watch(*this, std::move(on_event)));
  // Subscribed before the history is read: a commit between the two is in both rather than in
  // neither, and Replay() drops it from one.
  watch->subscription_ = ledger_.Subscribe(
      [watch = watch.get()](const std::shared_ptr<const store::CommitEvent>& commit) {
        watch->OnCommit(*commit);
      });
  std::vector<store::CommitRecord> records;
  if (request.after() != 0) {
    ASSIGN_OR_RETURN(records, ledger_.History({0, request.after(), true}));
  }
  std::reverse(records.begin(), records.end());
  watch->Replay(records);
  MutexLock lock(mu_);
  watches_.insert(watch.get());
  return watch;
}

void WatchHub::OnProxyEvent(const v1::ProxyEvent& proxy) {
  v1::Event event;
  SetTime(clock_.Now(), *event.mutable_time());
  *event.mutable_proxy() = proxy;
  MutexLock lock(mu_);
  for (Watch* watch : watches_) watch->Push(event);
}

WatchHub::Watch::~Watch() {
  subscription_ = nullptr;
  MutexLock lock(hub_.mu_);
  hub_.watches_.erase(this);
}

void WatchHub::Watch::OnCommit(const store::CommitEvent& commit) {
  // Neither the start of the subscription nor a raised epoch is a commit.
  if (commit.resources.empty() && commit.endpoints.empty()) return;
  Push(EventOf(commit.record));
}

void WatchHub::Watch::Push(v1::Event event) {
  {
    MutexLock lock(mu_);
    if (events_.size() >= kMostWaiting) has_overflowed_ = true;
    if (!has_overflowed_) events_.push_back(std::move(event));
    if (is_replaying_) return;
  }
  on_event_();
}

void WatchHub::Watch::Replay(const std::vector<store::CommitRecord>& records) {
  MutexLock lock(mu_);
  is_replaying_ = false;
  if (records.empty()) return;
  const uint64_t last = records.back().generation.number;
  std::deque<v1::Event> live = std::move(events_);
  events_.clear();
  for (const store::CommitRecord& record : records) events_.push_back(EventOf(record));
  for (v1::Event& event : live) {
    const bool is_in_both = event.has_commit() && event.commit().generation() <= last;
    if (!is_in_both) events_.push_back(std::move(event));
  }
}

absl::StatusOr<bool> WatchHub::Watch::Next(v1::Event& event) {
  MutexLock lock(mu_);
  if (!events_.empty()) {
    event = std::move(events_.front());
    events_.pop_front();
    return true;
  }
  if (!has_overflowed_) return false;
  return absl::ResourceExhaustedError(
      "events were not read in time: watch anew, after the last commit that was");
}

}  // namespace sluice::admin
