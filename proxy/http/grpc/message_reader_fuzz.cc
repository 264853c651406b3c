// However a stream of frames is cut, it holds the same messages.
//
// Input: a byte that says how large the pieces are, then the stream.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "proxy/http/grpc/message_reader.h"

namespace {

using sluice::http::grpc::MessageReader;
using sluice::net::BlockPool;
using sluice::net::Buffer;

struct Outcome {
  std::vector<std::string> messages;
  bool has_failed = false;
  bool is_at_boundary = false;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome Read(absl::string_view stream, size_t piece) {
  BlockPool pool(1 << 24);
  MessageReader reader(1000);
  Outcome outcome;
  while (!stream.empty() && !outcome.has_failed) {
    Buffer buffer;
    buffer.AppendCopy(pool, stream.substr(0, piece));
    stream.remove_prefix(std::min(piece, stream.size()));
    reader.Append(std::move(buffer));
    for (;;) {
      auto next = reader.Next();
      outcome.has_failed = !next.ok();
      if (!next.ok() || !next->has_value()) break;
      outcome.messages.push_back(**std::move(next));
    }
  }
  outcome.is_at_boundary = !outcome.has_failed && reader.is_at_boundary();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (Read(stream, size_t{data[0]} + 1) != Read(stream, stream.size())) std::abort();
  return 0;
}
