// What the upstream answers.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::hairpin {

// What is wrong with a server that is to be seen failing.
enum class Fault {
  kNone,
  kResetOnAccept,      // Every connection is reset at once.
  kCloseAfterRequest,  // Requests are read and never answered: the connection is closed.
  kHang,               // Requests are read and never answered: nothing happens.
  kHalf503,            // Every second response is a 503.
};

enum class EventKind { kNone, kSse, kWebSocket, kGrpc };

// Small messages on long streams instead of responses.
struct EventOptions {
  EventKind kind = EventKind::kNone;
  int64_t interval_nanos = 100'000'000;  // Of messages on a stream.
  size_t bytes = 100;                    // Of a message.
};

struct UpstreamOptions {
  sockaddr_in address = {};
  int status = 200;
  uint64_t body_bytes = 128;
  std::vector<std::string> headers;  // Whole lines.
  bool chunked = false;
  bool http2 = false;  // By prior knowledge.
  Fault fault = Fault::kNone;
  EventOptions events;
  bool grpc = false;  // HTTP/2 with a trailer "grpc-status: 0".
};

}  // namespace sluice::hairpin
