#include "controlplane/main/options.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/flags.h"
#include "base/status_macros.h"

namespace sluice::main {
namespace {

// As given, before anything is judged.
struct Given {
  Options options;
  std::string grpc_listen = "127.0.0.1:9400";
  std::string http_listen = "127.0.0.1:9480";
  bool insecure = false;
};

Flags MakeFlags(Given* given) {
  Flags flags("sluice-controlplane", "Holds the configuration and brings it to the proxies.");
  Options& options = given->options;
  flags.String("data-dir", "DIR", "where configuration and history are kept; required",
               &options.data_dir);
  flags.String("grpc-listen", "IP:PORT", "for proxies and sluicectl; port 0: one that is free",
               &given->grpc_listen);
  flags.String("http-listen", "IP:PORT", "for JSON, /metrics, /healthz and /readyz",
               &given->http_listen);
  flags.Strings("allowed-host", "NAME", "another name under which this server is reached over HTTP",
                &options.allowed_hosts);
  flags.Uint("history-keep", "N", "commits to keep for diff and rollback", &options.history_keep);
  flags.Bool("insecure",
             "allows to listen off this machine, though there is no authentication: whoever "
             "reaches the address rules the fleet",
             &given->insecure);
  flags.Bool("version", "shows the version", &options.version);
  flags.Bool("help", "shows this", &options.help);
  return flags;
}

absl::StatusOr<ListenAddress> ReadAddress(const std::string& flag, const std::string& text,
                                          bool is_insecure) {
  absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
  if (!address.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(flag, ": ", address.status().message()));
  }
  if (!address->IsLoopback() && !is_insecure) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, ": ", text, " can be reached from other machines, and there is no ",
                     "authentication; listen on 127.0.0.1, or add --insecure if the network keeps "
                     "strangers away"));
  }
  return address;
}

}  // namespace

absl::StatusOr<Options> ParseOptions(int argc, const char* const* argv) {
  Given given;
  ASSIGN_OR_RETURN(const std::vector<std::string> rest, MakeFlags(&given).Parse(argc, argv));
  Options& options = given.options;
  if (options.help || options.version) return options;
  if (!rest.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("unexpected argument \"", rest[0], "\""));
  }
  if (options.data_dir.empty()) return absl::InvalidArgumentError("--data-dir: required");
  if (options.history_keep == 0) {
    return absl::InvalidArgumentError("--history-keep: must be at least 1, got 0");
  }
  ASSIGN_OR_RETURN(options.grpc_listen,
                   ReadAddress("--grpc-listen", given.grpc_listen, given.insecure));
  ASSIGN_OR_RETURN(options.http_listen,
                   ReadAddress("--http-listen", given.http_listen, given.insecure));
  return options;
}

std::string HelpText() {
  Given given;
  return MakeFlags(&given).Help();
}

}  // namespace sluice::main
