// What hairpin does to the target, and what it saw.
#pragma once

#include <array>
#include <cstdint>

#include "tools/bench/hairpin/histogram.h"

namespace sluice::hairpin {

enum class Failure { kConnect, kReset, kTimeout, kStatus, kLength, kMalformed };
inline constexpr std::array<const char*, 6> kFailureNames = {"connect", "reset",  "timeout",
                                                             "status",  "length", "malformed"};

// Of requests, or of messages on streams.
struct LoadTally {
  Histogram latency;       // Of those that fell due within the window.
  uint64_t completed = 0;  // Right ones that ended within the window.
  std::array<uint64_t, kFailureNames.size()> failed = {};
  uint64_t connections = 0;  // Opened.
  uint64_t closed_while_idle = 0;
  uint64_t longest_queue = 0;  // Open loop: requests due that no connection was free for.

  uint64_t failures() const;
};

// Thread: the loop's.
class Load {
 public:
  virtual ~Load() = default;

  // Begins to send.
  virtual void Start() = 0;
  // Sends what has fallen due and gives up on what is too old; to be called every turn. Returns
  // when it wants to be called at the latest.
  virtual int64_t Tick(int64_t now) = 0;
  // Begins nothing further.
  virtual void Stop() = 0;

  // Latencies and completions are recorded between these two; failures always.
  virtual void OpenWindow(int64_t now) = 0;
  void CloseWindow(int64_t now) { window_end_ = now; }

  virtual uint64_t in_flight() const = 0;
  uint64_t begun() const { return begun_; }
  uint64_t finished() const { return finished_; }
  const LoadTally& tally() const { return tally_; }

 protected:
  // Begins the tally anew but for failures.
  void BeginTally(int64_t now);
  // One that fell due at `due` is complete now.
  void RecordCompleted(int64_t due);

  int64_t window_begin_ = INT64_MAX;
  int64_t window_end_ = INT64_MAX;
  uint64_t begun_ = 0;
  uint64_t finished_ = 0;
  LoadTally tally_;
};

}  // namespace sluice::hairpin
