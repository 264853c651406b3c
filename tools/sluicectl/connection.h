// Which control plane to speak to, and how.
//
// ~/.config/sluice/contexts.yaml (below $XDG_CONFIG_HOME, where that is set) names control planes:
//
//   current: prod
//   contexts:
//     - name: prod
//       server: sluice.example.com:9400
//       ca: prod/ca.crt                  # paths are relative to the file
//       cert: prod/alice.crt
//       key: prod/alice.key
//       server_name: sluice.internal     # if its certificate is of another name than `server`
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::sluicectl {

inline constexpr char kDefaultServer[] = "127.0.0.1:9400";

// What is empty was not given.
struct Connection {
  std::string server;
  std::string ca;  // Given: TLS.
  std::string cert;
  std::string key;
  std::string server_name;
};

struct Context {
  std::string name;
  Connection connection;
};

struct ContextFile {
  std::string path;
  std::string current;  // Empty: none.
  std::vector<Context> contexts;

  // Null if there is none of that name.
  const Context* Find(absl::string_view name) const;
};

// Empty where there is no file.
//   INVALID_ARGUMENT  names the line and what is wrong there
absl::StatusOr<ContextFile> ReadContexts();

// The content of a file at `path`.
absl::StatusOr<ContextFile> ParseContexts(const std::string& path, absl::string_view text);

// Makes `name`, which is in it, the current one of the file; nothing else of it changes.
absl::Status UseContext(const ContextFile& file, const std::string& name);

// Puts together what flags say, then the environment (SLUICE_SERVER, SLUICE_CA, SLUICE_CERT,
// SLUICE_KEY, SLUICE_SERVER_NAME), then the context. `context` is the name that --context or
// SLUICE_CONTEXT gives; without it the current one is used, unless a server is given: what belongs
// to one control plane is not shown to another by accident.
absl::StatusOr<Connection> ResolveConnection(Connection flags, std::string context);

}  // namespace sluice::sluicectl
