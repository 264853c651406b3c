// Configuration from a file instead of a control plane: read at the start, and again whenever the
// file changes.
//
// Thread: its loop's. The loop outlives it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/resource/problem.h"
#include "proxy/event/loop.h"
#include "proxy/net/socket.h"
#include "proxy/runtime/builder.h"

namespace sluice::main {

class FileSource final : private event::Handler {
 public:
  // `on_change` gets each valid content as a whole generation, numbered from 1. `on_problems` gets
  // what is wrong with an invalid one; what was served before stays.
  FileSource(event::Loop& loop, std::string path, std::function<void(runtime::Change)> on_change,
             std::function<void(const std::vector<resource::Problem>&)> on_problems);
  ~FileSource();

  // Reads it for the first time. False if it is not valid (after on_problems). Then watches it.
  bool Start();
  // Changes are only noted until Resume(), which reads them.
  void Pause() { is_paused_ = true; }
  void Resume();

 private:
  void OnEvents(uint32_t events) override;
  void OnSettled();
  bool Read();
  bool Load();
  void Watch();

  event::Loop& loop_;
  const std::string path_;
  const std::function<void(runtime::Change)> on_change_;
  const std::function<void(const std::vector<resource::Problem>&)> on_problems_;
  net::Fd inotify_;
  bool is_paused_ = false;
  event::Timer settle_timer_;
  std::string last_text_;  // What was read last: events that change nothing do nothing.
  uint64_t generation_ = 0;
};

}  // namespace sluice::main
