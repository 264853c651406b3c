// What the upstream answers.
#pragma once

#include <netinet/in.h>

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

struct UpstreamOptions {
  sockaddr_in address = {};
  int status = 200;
  uint64_t body_bytes = 128;
  std::vector<std::string> headers;  // Whole lines.
  bool chunked = false;
  bool http2 = false;  // By prior knowledge.
  Fault fault = Fault::kNone;
  bool grpc = false;  // HTTP/2 with a trailer "grpc-status: 0".
};

}  // namespace sluice::hairpin
