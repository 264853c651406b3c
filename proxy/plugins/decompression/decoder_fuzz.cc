// Any bytes as any coding, in any pieces: no decoder gives more than it was allowed, and how the
// bytes are cut into pieces makes no difference.
//
// Input: the coding (g, b or z), a byte for the length of the pieces, and the body.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "proxy/net/buffer.h"
#include "proxy/plugins/decompression/decoder.h"

namespace sluice::plugins {
namespace {

constexpr uint64_t kMaxBytes = 1 << 16;

struct Outcome {
  std::string bytes;
  Decoder::Result result = Decoder::Result::kOk;
  bool is_complete = false;
};

Outcome DecodeAll(absl::string_view coding, absl::string_view body, size_t piece_bytes) {
  net::BlockPool pool(16 << 20);
  const std::unique_ptr<Decoder> decoder = MakeDecoder(coding);
  net::Buffer out;
  Outcome outcome;
  while (!body.empty() && outcome.result == Decoder::Result::kOk) {
    const absl::string_view piece = body.substr(0, piece_bytes);
    body.remove_prefix(piece.size());
    outcome.result = decoder->Decode(piece, kMaxBytes - out.size(), pool, out);
  }
  if (out.size() > kMaxBytes) std::abort();
  outcome.bytes = out.ToString();
  outcome.is_complete = decoder->is_complete();
  return outcome;
}

}  // namespace
}  // namespace sluice::plugins

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::plugins;
  if (size < 2) return 0;
  const char* coding = data[0] == 'g' ? "gzip" : data[0] == 'b' ? "br" : "zstd";
  const absl::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome whole = DecodeAll(coding, body, size);
  const Outcome pieces = DecodeAll(coding, body, size_t{1} + data[1]);
  if (whole.result != Decoder::Result::kOk) return 0;
  if (pieces.result != Decoder::Result::kOk || pieces.bytes != whole.bytes ||
      pieces.is_complete != whole.is_complete) {
    std::abort();
  }
  return 0;
}
