// The load of small messages on long streams: SSE, WebSocket, or gRPC both ways.
//
// Every stream carries one message each interval, with the time at which it was sent; of SSE the
// upstream sends them, of the others this side does, and the upstream sends each back.
#pragma once

#include <memory>
#include <vector>

#include "tools/bench/hairpin/lane.h"
#include "tools/bench/hairpin/load.h"
#include "tools/bench/hairpin/schedule.h"
#include "tools/bench/hairpin/upstream_options.h"

namespace sluice::hairpin {

// A connection with its stream, or streams.
class EventConnection {
 public:
  class Host {
   public:
    // A message that was sent at `sent` has come.
    virtual void OnMessage(int64_t sent) = 0;
    virtual void OnFailed(Failure failure) = 0;

   protected:
    ~Host() = default;
  };

  virtual ~EventConnection() = default;
  virtual void Open() = 0;
  // Sends a message on one of its streams.
  virtual void Send(uint32_t stream, int64_t now) = 0;
  // Sends what was queued. To be called every turn.
  virtual void Flush() = 0;
};

class EventClient final : public Load, private EventConnection::Host {
 public:
  struct Options {
    LaneOptions lane;
    size_t connections = 64;
    EventOptions events;
  };

  EventClient(Loop& loop, RequestPlan& plan, const Options& options);
  ~EventClient() override;

  void Start() override;
  int64_t Tick(int64_t now) override;
  void Stop() override { stopped_ = true; }
  void OpenWindow(int64_t now) override { BeginTally(now); }
  uint64_t in_flight() const override { return begun_ - std::min(begun_, finished_); }

 private:
  struct Stream {
    EventConnection* connection;
    uint32_t number;
  };

  void OnMessage(int64_t sent) override;
  void OnFailed(Failure failure) override { ++tally_.failed[static_cast<size_t>(failure)]; }

  const Options options_;
  std::vector<std::unique_ptr<EventConnection>> connections_;
  std::vector<Stream> streams_;
  Schedule<Stream> schedule_;
  bool stopped_ = false;
};

}  // namespace sluice::hairpin
