// No answer of a server is read past its end, and a status that is read stands alone as well.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "proxy/upstream/health/grpc_health.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using sluice::upstream::health::DecodeStatus;
  // A copy of its own, so that a read past the end is one past the block.
  const std::string message(reinterpret_cast<const char*>(data), size);
  const auto status = DecodeStatus(message);
  if (!status) return 0;
  // What follows a whole message replaces what it said.
  if (DecodeStatus(message + "\x08\x02") != uint64_t{2}) std::abort();
  return 0;
}
