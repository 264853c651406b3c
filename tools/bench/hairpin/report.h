// What a run found, as one line of JSON.
#pragma once

#include <cstdint>
#include <string>

#include "tools/bench/hairpin/load.h"
#include "tools/bench/hairpin/upstream.h"

namespace sluice::hairpin {

struct RunResult {
  const LoadTally* client = nullptr;
  const UpstreamTally* upstream = nullptr;  // Null without one.
  double seconds = 0;                       // Length of the window.
  uint64_t begun = 0;                       // Requests, before and after the window, too.
  uint64_t unfinished = 0;                  // Due in the window, unanswered a second after it.
  uint64_t watched_cpu_micros = 0;          // Of the processes under --watch, in the window.
  uint64_t own_cpu_micros = 0;
  uint64_t tls_resumed = 0;  // Handshakes in the window.
  bool with_histogram = false;
};

// Latencies are in microseconds.
std::string ReportJson(const RunResult& result);

}  // namespace sluice::hairpin
