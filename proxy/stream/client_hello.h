// The first message of TLS, as far as it is needed to know for which server a client asks.
//
// Nothing is decrypted: the message comes in the clear. With Encrypted Client Hello the name is the
// public one, of the server that can decrypt the other.
//
// Thread: any; nothing here has state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::stream {

struct ClientHello {
  enum class Status : uint8_t {
    kComplete,
    kNeedsMore,
    kInvalid,  // It is no TLS, or longer than any client makes it.
  };

  // Bytes within which it must end, headers of records included.
  static constexpr size_t kMaxBytes = 32 * 1024;

  Status status = Status::kInvalid;
  // Of kNeedsMore: there is no use in looking again before so many bytes are there.
  size_t needed = 0;
  // Of kComplete: as the client wrote it, of letters, digits, ".", "-" and "_"; empty if it asks
  // for none.
  std::string server_name;

  // Reads the first bytes of a connection.
  static ClientHello Parse(absl::string_view bytes);
};

}  // namespace sluice::stream
