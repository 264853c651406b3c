// One HTTP/1.1 connection, with at most one request on it.
//
//   idle ── Begin ──▶ busy ── response complete ──▶ idle (or parting, until the peer closes)
//
// Not open is a kind of idle: Begin() opens it.
#pragma once

#include "absl/strings/string_view.h"
#include "tools/bench/hairpin/lane.h"
#include "tools/bench/hairpin/message_reader.h"

namespace sluice::hairpin {

// Thread: the loop's. Lifetime: within its host's.
class H1Lane final : public Lane, private Source {
 public:
  explicit H1Lane(Host& host);

  void Begin(uint32_t request, int64_t due, int64_t now) override;
  void FailIfOlderThan(int64_t moment) override;

 private:
  enum class State { kIdle, kBusy, kParting };

  void OnEvents(uint32_t events) override;
  void Flush();
  void Read(bool ended);
  void OnData(absl::string_view data);
  void OnEnd();
  void Complete();
  void Fail(Failure failure);
  void Free();

  Host& host_;
  const uint32_t source_;
  Transport transport_;
  MessageReader reader_;
  State state_ = State::kIdle;
  bool connected_ = false;
  absl::string_view unsent_;
  int64_t due_ = 0;
  int64_t begun_ = 0;
};

}  // namespace sluice::hairpin
