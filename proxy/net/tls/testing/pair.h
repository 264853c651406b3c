// Both ends of a TLS connection in memory.
#pragma once

#include <string>
#include <utility>

#include "proxy/net/connection.h"

namespace sluice::net::tls::testing {

inline std::string TakeWire(SecureLayer& layer) {
  const net::Buffer taken = std::move(layer.wire());
  return taken.ToString();
}

// Takes both through the handshake. What the client says in its last flight reaches the server.
inline bool Shake(SecureLayer& client, SecureLayer& server) {
  using Progress = SecureLayer::Progress;
  Progress client_progress = client.Handshake({});
  Progress server_progress = Progress::kNeedsInput;
  for (int i = 0; i < 8; ++i) {
    const std::string to_server = TakeWire(client);
    if (server_progress == Progress::kNeedsInput) server_progress = server.Handshake(to_server);
    const std::string to_client = TakeWire(server);
    if (client_progress == Progress::kNeedsInput) client_progress = client.Handshake(to_client);
    if (client_progress == Progress::kFailed || server_progress == Progress::kFailed) break;
  }
  return client_progress == Progress::kDone && server_progress == Progress::kDone;
}

// What `to` reads of what `from` says.
inline std::string Carry(IoContext& io, SecureLayer& from, const std::string& text,
                         SecureLayer& to) {
  net::Buffer plain;
  plain.AppendCopy(io.pool, text);
  from.Seal(plain, text.size());
  std::string out(text.size() + 1, '\0');
  const ReadResult result = to.Open(TakeWire(from), out.data(), out.size());
  out.resize(result.bytes);
  return out;
}

}  // namespace sluice::net::tls::testing
