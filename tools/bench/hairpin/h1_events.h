// A stream of messages over HTTP/1.1: the events of a response, or a WebSocket.
#pragma once

#include <string>

#include "tools/bench/hairpin/event_client.h"
#include "tools/bench/hairpin/stamp.h"

namespace sluice::hairpin {

// Thread: the loop's. Lifetime: within that of all it was given.
class H1Events final : public EventConnection, private Source {
 public:
  H1Events(Loop& loop, Host& host, const LaneOptions& lane, const EventOptions& events,
           const RequestPlan& plan)
      : loop_(loop), host_(host), lane_(lane), events_(events), plan_(plan) {}

  void Open() override;
  void Send(uint32_t stream, int64_t now) override;
  void Flush() override;

 private:
  void OnEvents(uint32_t events) override;
  void Read();
  void OnData(absl::string_view data);
  void Fail(Failure failure);

  Loop& loop_;
  Host& host_;
  const LaneOptions& lane_;
  const EventOptions& events_;
  const RequestPlan& plan_;
  Transport transport_;
  std::string head_;  // Of the response, until it is whole.
  bool has_head_ = false;
  std::string unsent_;
  StampReader stamps_;
};

}  // namespace sluice::hairpin
