// Follows a control plane as a proxy would that knows fewer plugins than this build: says what it
// was told to, and that every update is active.
//
//   older_proxy 127.0.0.1:9400 NODE key_auth,respond
//
// Ends with its standard input.
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "tools/fleetsim/simulated_proxy.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("older_proxy HOST:PORT NODE PLUGIN,...\n", stderr);
    return 2;
  }
  const std::vector<std::string> plugins = absl::StrSplit(argv[3], ',', absl::SkipEmpty());
  sluice::fleetsim::FleetLog log;
  sluice::fleetsim::SimulatedProxy proxy(argv[1], argv[2], plugins, log);
  proxy.Connect(std::nullopt);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}
