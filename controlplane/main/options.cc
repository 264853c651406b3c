#include "controlplane/main/options.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/flags.h"
#include "base/status_macros.h"

namespace sluice::main {
namespace {

constexpr absl::Duration kMinTicketRotation = absl::Minutes(1);
constexpr absl::Duration kMaxTicketRotation = absl::Hours(168);

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
  flags.String("seal-key-file", "FILE",
               "with the keys that seal what is in the data directory, 64 hexadecimal digits a "
               "line: the first seals, all open; made if nothing is sealed yet; default: "
               "DATA_DIR.seal-key",
               &options.seal_key_file);
  flags.String("grpc-listen", "IP:PORT", "for proxies and sluicectl; port 0: one that is free",
               &given->grpc_listen);
  flags.String("http-listen", "IP:PORT", "for JSON, /metrics, /healthz and /readyz",
               &given->http_listen);
  flags.Strings("allowed-host", "NAME", "another name under which this server is reached over HTTP",
                &options.allowed_hosts);
  flags.Uint("history-keep", "N", "commits to keep for diff and rollback", &options.history_keep);
  flags.Duration("ticket-key-rotation",
                 "for how long one key seals the TLS session tickets of all proxies",
                 &options.ticket_keys.rotation);
  flags.Duration("ticket-key-keep", "for how long it opens tickets afterwards",
                 &options.ticket_keys.keep);
  flags.String("tls-cert", "FILE", "speaks TLS on both ports, with these certificates (PEM)",
               &options.tls.certificate);
  flags.String("tls-key", "FILE", "their private key (PEM)", &options.tls.key);
  flags.String("tls-client-ca", "FILE",
               "asks clients for a certificate of these authorities (PEM), whose URI sluice://... "
               "says what they may do",
               &options.tls.client_ca);
  flags.Bool("insecure",
             "allows to listen off this machine without --tls-client-ca: whoever reaches the "
             "address rules the fleet",
             &given->insecure);
  flags.Bool("version", "shows the version", &options.version);
  flags.Bool("help", "shows this", &options.help);
  return flags;
}

absl::StatusOr<ListenAddress> ReadAddress(const std::string& flag, const std::string& text,
                                          bool may_be_reached) {
  absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
  if (!address.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(flag, ": ", address.status().message()));
  }
  if (!address->IsLoopback() && !may_be_reached) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, ": ", text, " can be reached from other machines, and clients are not ",
                     "asked who they are; listen on 127.0.0.1, ask for certificates with ",
                     "--tls-client-ca, or add --insecure if the network keeps strangers away"));
  }
  return address;
}

absl::Status CheckTls(const tls::ServerPaths& paths) {
  if (paths.certificate.empty() != paths.key.empty()) {
    return absl::InvalidArgumentError("--tls-cert and --tls-key: want both or neither");
  }
  if (paths.certificate.empty() && !paths.client_ca.empty()) {
    return absl::InvalidArgumentError("--tls-client-ca: needs --tls-cert and --tls-key");
  }
  return absl::OkStatus();
}

absl::Status CheckTicketKeys(const tickets::Schedule& schedule) {
  if (schedule.rotation < kMinTicketRotation || schedule.rotation > kMaxTicketRotation) {
    return absl::InvalidArgumentError("--ticket-key-rotation: must be between 1m and 168h");
  }
  // The one that seals, the next, and those that are kept.
  const absl::Duration most = schedule.rotation * (tickets::kMaxSecrets - 3);
  if (schedule.keep < absl::ZeroDuration() || schedule.keep > most) {
    return absl::InvalidArgumentError(absl::StrCat("--ticket-key-keep: must be at most ",
                                                   tickets::kMaxSecrets - 3,
                                                   " times --ticket-key-rotation"));
  }
  return absl::OkStatus();
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
  RETURN_IF_ERROR(CheckTicketKeys(options.ticket_keys));
  RETURN_IF_ERROR(CheckTls(options.tls));
  const bool may_be_reached = given.insecure || !options.tls.client_ca.empty();
  ASSIGN_OR_RETURN(options.grpc_listen,
                   ReadAddress("--grpc-listen", given.grpc_listen, may_be_reached));
  ASSIGN_OR_RETURN(options.http_listen,
                   ReadAddress("--http-listen", given.http_listen, may_be_reached));
  return options;
}

std::string HelpText() {
  Given given;
  return MakeFlags(&given).Help();
}

}  // namespace sluice::main
