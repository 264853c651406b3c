// The load: requests over a fixed number of connections, in a closed or an open loop.
//
// Closed: every connection sends its next request when the response to the last is complete; it
// finds the most that a proxy can do. Open: requests fall due at a fixed rate whatever the
// responses do, wait in a queue if every connection is busy, and their latency counts from when
// they were due: a stall is seen by all who would have come during it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "tools/bench/hairpin/lane.h"
#include "tools/bench/hairpin/load.h"

namespace sluice::hairpin {

class H2Session;

struct ClientOptions {
  LaneOptions lane;
  size_t connections = 64;
  double rate = 0;                 // Requests a second; 0 is the closed loop.
  uint64_t requests = UINT64_MAX;  // How many to begin.
  size_t most_in_flight = SIZE_MAX;
  int64_t timeout_nanos = 10'000'000'000;
};

// Thread: the loop's. Lifetime: `loop` and `plan` outlive it.
class Client final : public Load, private Lane::Host {
 public:
  Client(Loop& loop, RequestPlan& plan, const ClientOptions& options);
  ~Client() override;

  void Start() override;
  int64_t Tick(int64_t now) override;
  void Stop() override;
  void OpenWindow(int64_t now) override;
  uint64_t in_flight() const override { return in_flight_; }

 private:
  void Give(Lane& lane, int64_t due);
  void GiveWhatIsDue(int64_t now);
  bool Exhausted() const { return stopped_ || begun_ == options_.requests; }

  void OnConnecting() override { ++tally_.connections; }
  void OnClosedWhileIdle() override { ++tally_.closed_while_idle; }
  void OnCompleted(int64_t due) override;
  void OnFailed(Lane& lane, Failure failure) override;
  void OnFree(Lane& lane) override;
  uint32_t NextSource() override;
  Loop& loop() override { return loop_; }
  const RequestPlan& plan() const override { return plan_; }
  const LaneOptions& lane_options() const override { return options_.lane; }

  Loop& loop_;
  RequestPlan& plan_;
  const ClientOptions options_;

  std::vector<std::unique_ptr<H2Session>> sessions_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::deque<Lane*> free_;
  std::deque<int64_t> queue_;   // When the waiting requests fell due; open loop.
  std::vector<Lane*> resting_;  // Failed; free again at the next sweep.
  double next_due_ = 0;
  int64_t next_sweep_ = 0;
  size_t in_flight_ = 0;
  uint32_t last_source_ = 0;
  bool stopped_ = false;
};

}  // namespace sluice::hairpin
