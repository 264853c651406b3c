// The command line of sluice-controlplane.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/main/listen_address.h"
#include "controlplane/tickets/keyring.h"
#include "controlplane/tls/server_files.h"

namespace sluice::main {

struct Options {
  std::string data_dir;
  std::string seal_key_file;  // Empty: "DATA_DIR.seal-key".
  ListenAddress grpc_listen;
  ListenAddress http_listen;
  tls::ServerPaths tls;  // Without a certificate: cleartext.
  std::vector<std::string> allowed_hosts;
  uint64_t history_keep = 10'000;
  tickets::Schedule ticket_keys;
  bool version = false;
  bool help = false;
};

// INVALID_ARGUMENT says which flag is wrong and what would be right.
absl::StatusOr<Options> ParseOptions(int argc, const char* const* argv);

// The text of --help.
std::string HelpText();

}  // namespace sluice::main
