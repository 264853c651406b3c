#include "tools/bench/hairpin/client.h"

#include <algorithm>
#include <utility>

#include "tools/bench/hairpin/h1_lane.h"
#include "tools/bench/hairpin/h2_lane.h"

namespace sluice::hairpin {
namespace {

constexpr int64_t kSweepNanos = 20'000'000;
constexpr uint32_t kLoopback = 0x7f000000;

}  // namespace

Client::Client(Loop& loop, RequestPlan& plan, const ClientOptions& options)
    : loop_(loop), plan_(plan), options_(options) {
  Lane::Host& self = *this;
  for (size_t i = 0; i < options.connections; ++i) {
    if (options.lane.streams == 0) {
      lanes_.push_back(std::make_unique<H1Lane>(self));
    } else {
      sessions_.push_back(std::make_unique<H2Session>(self));
      for (uint32_t n = 0; n < options.lane.streams; ++n) {
        lanes_.push_back(std::make_unique<H2Lane>(*sessions_.back()));
      }
    }
  }
  for (const auto& lane : lanes_) free_.push_back(lane.get());
}

Client::~Client() = default;

void Client::Start() {
  const int64_t now = NowNanos();
  next_due_ = static_cast<double>(now);
  next_sweep_ = now + kSweepNanos;
  if (options_.rate > 0) return;
  while (!free_.empty() && in_flight_ < options_.most_in_flight && !Exhausted()) {
    Lane& lane = *free_.front();
    free_.pop_front();
    Give(lane, now);
  }
  for (const auto& session : sessions_) session->Flush();
}

int64_t Client::Tick(int64_t now) {
  if (now >= next_sweep_) {
    next_sweep_ = now + kSweepNanos;
    for (const auto& lane : lanes_) {
      lane->FailIfOlderThan(now - options_.timeout_nanos);
    }
    for (Lane* lane : std::exchange(resting_, {})) OnFree(*lane);
  }
  if (options_.rate > 0) GiveWhatIsDue(now);
  for (const auto& session : sessions_) session->Flush();
  if (options_.rate <= 0 || Exhausted()) return next_sweep_;
  return std::min(next_sweep_, static_cast<int64_t>(next_due_));
}

void Client::GiveWhatIsDue(int64_t now) {
  while (next_due_ <= static_cast<double>(now) && !Exhausted()) {
    const int64_t due = static_cast<int64_t>(next_due_);
    next_due_ += 1e9 / options_.rate;
    if (free_.empty()) {
      queue_.push_back(due);
      tally_.longest_queue = std::max<uint64_t>(tally_.longest_queue, queue_.size());
      continue;
    }
    Lane& lane = *free_.front();
    free_.pop_front();
    Give(lane, due);
  }
}

void Client::Give(Lane& lane, int64_t due) {
  ++begun_;
  ++in_flight_;
  lane.Begin(plan_.Next(), due, options_.rate > 0 ? NowNanos() : due);
}

void Client::OnCompleted(int64_t due) {
  --in_flight_;
  RecordCompleted(due);
}

void Client::OnFailed(Lane& lane, Failure failure) {
  ++finished_;
  ++tally_.failed[static_cast<size_t>(failure)];
  --in_flight_;
  // Not at once: a proxy that refuses everything would keep us in a loop.
  resting_.push_back(&lane);
}

void Client::OnFree(Lane& lane) {
  if (!queue_.empty()) {
    const int64_t due = queue_.front();
    queue_.pop_front();
    return Give(lane, due);
  }
  free_.push_back(&lane);
  if (options_.rate > 0 || Exhausted()) return;
  // First in, first out: with fewer in flight than connections, each gets its turn.
  Lane& next = *free_.front();
  free_.pop_front();
  Give(next, NowNanos());
}

uint32_t Client::NextSource() {
  if (options_.lane.source_addresses == 0) return 0;
  last_source_ = last_source_ % options_.lane.source_addresses + 1;
  return kLoopback + last_source_;
}

void Client::OpenWindow(int64_t now) {
  BeginTally(now);
  if (options_.lane.tls != nullptr) options_.lane.tls->ResetCount();
}

void Client::Stop() {
  stopped_ = true;
  queue_.clear();
}

}  // namespace sluice::hairpin
