// Watches what the proxy may run out of, and says how hard pressed it is: four times a second, and
// whenever its buffers have grown by a thirty-second of the memory since it last looked. Until it
// has looked then, queues are kept short.
//
//   memory        resident, of the control group's limit or the machine's memory
//   descriptors   open sockets, of RLIMIT_NOFILE; never sheds requests, which need few
//   injected      what an operator says, to try it out
//
// Workers are told of changes only.
//
// Thread: the control thread's loop. Lifetime: everything given to it outlives it.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "proxy/event/loop.h"
#include "proxy/observe/metric_registry.h"
#include "proxy/server/overload/memory_limit.h"
#include "proxy/server/overload/overload_level.h"
#include "proxy/server/worker.h"

namespace sluice::server {

class OverloadMonitor {
 public:
  OverloadMonitor(event::Loop& loop, const MemoryLimit& memory, observe::MetricRegistry& metrics,
                  std::vector<Worker*> workers);

  // Begins to watch. Before the workers run.
  void Start();
  // Counts as a resource that is used so far, in per cent, until it is 0 again.
  void Inject(double pressure);

  // What it saw last and does, as JSON.
  std::string Describe() const;

 private:
  struct Resource {
    uint64_t used = 0;
    uint64_t limit = 0;
    double pressure() const {
      return limit == 0 ? 0 : 100.0 * static_cast<double>(used) / static_cast<double>(limit);
    }
  };

  void OnTimer();
  void LookSoon();
  void Read();
  void Allow();
  void Decide();
  void GiveBackMemory();
  void Export();
  std::vector<absl::string_view> ActiveNames() const;

  event::Loop& loop_;
  const MemoryLimit& memory_limit_;
  observe::MetricRegistry& metrics_;
  const std::vector<Worker*> workers_;
  Resource memory_;
  Resource descriptors_;
  double injected_ = 0;
  OverloadLevel memory_level_ = OverloadLevel::kNone;  // Injected pressure counts as memory's.
  OverloadLevel descriptor_level_ = OverloadLevel::kNone;
  OverloadActions actions_;
  int64_t looked_at_ns_ = 0;
  int64_t gave_back_at_ns_ = 0;
  event::Timer timer_;
};

}  // namespace sluice::server
