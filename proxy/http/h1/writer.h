// Writes HTTP/1 heads and chunk framing into a connection's queue, each head in one piece.
//
// Heads are always written anew from their fields: not a byte of framing is copied from a peer.
#pragma once

#include <cstdint>

#include "proxy/http/message.h"
#include "proxy/net/buffer.h"

namespace sluice::http::h1 {

// How the body that follows a head is framed.
enum class BodyFraming : uint8_t {
  kNone,        // No body, no framing header.
  kLength,      // Content-Length.
  kChunked,     // Transfer-Encoding: chunked.
  kUntilClose,  // To an HTTP/1.0 client.
};

void WriteRequestHead(const RequestHead& head, BodyFraming framing, net::BlockPool& pool,
                      net::Buffer& out);

enum class ConnectionHeader : uint8_t { kNone, kClose, kKeepAlive, kUpgrade };

// `upgrade`: for kUpgrade, to what. Also to HTTP/1.0 clients, which take an HTTP/1.1 status line.
void WriteResponseHead(const ResponseHead& head, BodyFraming framing, ConnectionHeader connection,
                       net::BlockPool& pool, net::Buffer& out, absl::string_view upgrade = {});

// One chunk, whole: whoever waits for its end does not wait for the next.
void WriteChunk(net::Buffer&& body, net::BlockPool& pool, net::Buffer& out);

// The last chunk and the trailer section.
void WriteLastChunk(const HeaderMap* trailers, net::BlockPool& pool, net::Buffer& out);

}  // namespace sluice::http::h1
