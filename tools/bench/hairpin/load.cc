#include "tools/bench/hairpin/load.h"

#include <numeric>

#include "tools/bench/hairpin/loop.h"

namespace sluice::hairpin {

uint64_t LoadTally::failures() const {
  return std::accumulate(failed.begin(), failed.end(), uint64_t{0});
}

void Load::BeginTally(int64_t now) {
  const auto failed = tally_.failed;
  tally_ = LoadTally();
  tally_.failed = failed;
  window_begin_ = now;
  window_end_ = INT64_MAX;
}

void Load::RecordCompleted(int64_t due) {
  const int64_t now = NowNanos();
  ++finished_;
  if (now >= window_begin_ && now < window_end_) ++tally_.completed;
  if (due >= window_begin_ && due < window_end_) tally_.latency.Record(now - due);
}

}  // namespace sluice::hairpin
