#include "controlplane/rpc/peer.h"

#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace sluice::rpc {

std::string PeerAddress(absl::string_view grpc_peer) {
  if (!absl::ConsumePrefix(&grpc_peer, "ipv4:")) absl::ConsumePrefix(&grpc_peer, "ipv6:");
  return absl::StrReplaceAll(grpc_peer, {{"%5B", "["}, {"%5D", "]"}});
}

}  // namespace sluice::rpc
