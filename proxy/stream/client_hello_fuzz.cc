// Any first bytes of a connection as a first message of TLS: what is found does not depend on the
// pieces in which it comes, waiting always comes to an end, and a name is one.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "proxy/stream/client_hello.h"

namespace {

using sluice::stream::ClientHello;
using Status = ClientHello::Status;

void Check(bool holds) {
  if (!holds) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ClientHello whole = ClientHello::Parse(bytes);
  if (whole.status == Status::kNeedsMore) {
    Check(whole.needed > bytes.size() && whole.needed <= ClientHello::kMaxBytes);
  }
  Check(whole.status == Status::kComplete || whole.server_name.empty());
  for (const char c : whole.server_name) Check(c > ' ' && c < 127 && c != ':' && c != '/');
  // As a relay asks: again whenever as much is there as was said.
  size_t at = 0;
  ClientHello part = ClientHello::Parse(bytes.substr(0, at));
  while (part.status == Status::kNeedsMore && part.needed <= bytes.size()) {
    Check(part.needed > at);
    at = part.needed;
    part = ClientHello::Parse(bytes.substr(0, at));
  }
  if (part.status == Status::kNeedsMore) {
    // The whole may show already what will become of it.
    Check(whole.status != Status::kComplete);
  } else {
    Check(part.status == whole.status && part.server_name == whole.server_name);
  }
  return 0;
}
