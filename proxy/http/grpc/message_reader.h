// Cuts the body of a gRPC stream into messages: a zero byte (not compressed), four bytes of length,
// the message.
//
// Thread: one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "proxy/net/buffer.h"

namespace sluice::http::grpc {

class MessageReader {
 public:
  explicit MessageReader(size_t max_message_bytes) : max_message_bytes_(max_message_bytes) {}

  // Adds what came. Call Next() until it has nothing: what waits here holds the blocks it came in.
  void Append(net::Buffer&& bytes) { bytes_.Append(std::move(bytes)); }

  // The next message, nothing while it is incomplete. After an error the stream is beyond repair:
  //   RESOURCE_EXHAUSTED  a message longer than the limit
  //   INTERNAL            compressed, which we never offered
  absl::StatusOr<std::optional<std::string>> Next();

  // No message has begun: the only place where a stream may end.
  bool is_at_boundary() const { return bytes_.empty() && head_.empty(); }

 private:
  static constexpr size_t kHead = 5;

  // Moves up to `wanted` bytes to the end of `out`.
  size_t Take(size_t wanted, std::string& out);
  absl::Status ReadHead();

  const size_t max_message_bytes_;
  net::Buffer bytes_;
  std::string head_;  // What has come of it; whole while its message is read.
  uint32_t length_ = 0;
  std::string message_;
};

}  // namespace sluice::http::grpc
