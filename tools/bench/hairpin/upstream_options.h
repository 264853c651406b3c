// What the upstream answers.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::hairpin {

struct UpstreamOptions {
  sockaddr_in address = {};
  int status = 200;
  uint64_t body_bytes = 128;
  std::vector<std::string> headers;  // Whole lines.
  bool chunked = false;
  bool http2 = false;  // By prior knowledge.
  bool grpc = false;   // HTTP/2 with a trailer "grpc-status: 0".
};

}  // namespace sluice::hairpin
