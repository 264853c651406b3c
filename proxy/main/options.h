// The command line of sluice-proxy.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proxy/main/control_plane_tls.h"

namespace sluice::main {

struct Options {
  std::vector<std::string> control_planes;
  ControlPlaneTls::Paths tls;  // Without authorities: cleartext.
  std::string state_dir;
  std::string config;
  std::string node;  // Default: the host's name.
  std::vector<std::string> groups;
  std::string zone;  // Empty: none.
  std::string admin_listen = "127.0.0.1:9490";
  std::vector<std::string> admin_allowed_hosts;
  uint64_t workers = 0;        // 0: one a processor.
  uint64_t buffer_memory = 0;  // Of all workers; 0: as App finds it.
  uint64_t memory_limit = 0;   // 0: of the control group, or the machine.
  bool no_overload_protection = false;
  absl::Duration drain_timeout = absl::Seconds(30);
  bool takeover = false;  // From the process that has the state directory.
  bool detach = false;
  bool version = false;
  bool help = false;
};

// INVALID_ARGUMENT says which flag is wrong and what would be right.
absl::StatusOr<Options> ParseOptions(int argc, const char* const* argv);

// The text of --help.
std::string HelpText();

}  // namespace sluice::main
