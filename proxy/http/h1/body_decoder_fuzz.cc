// Chunked bodies, at once and byte by byte: both must give the same bytes and the same verdict.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "proxy/http/h1/body_decoder.h"

namespace sluice::http::h1 {
namespace {

struct Decoded {
  std::string body;
  std::string trailers;
  BodyDecoder::Status status = BodyDecoder::Status::kMore;
  size_t used = 0;
};

Decoded Decode(absl::string_view input, size_t step) {
  net::BlockPool pool(1 << 26);
  BodyDecoder decoder;
  decoder.Begin(BodyDecoder::Framing::kChunked, 0);
  Decoded decoded;
  net::Buffer out;
  while (decoded.used < input.size() && decoded.status == BodyDecoder::Status::kMore) {
    const absl::string_view piece = input.substr(decoded.used, step);
    net::BlockRef block = pool.TakeAtLeast(piece.size());
    block->used = block->capacity;
    std::memcpy(block->data(), piece.data(), piece.size());
    const BodyDecoder::Result result =
        decoder.Decode(block, block->data(), block->data() + piece.size(), out);
    decoded.status = result.status;
    decoded.used += result.used;
  }
  decoded.body = out.ToString();
  decoded.trailers = std::string(decoder.trailer_text());
  return decoded;
}

}  // namespace
}  // namespace sluice::http::h1

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using sluice::http::h1::Decode;
  if (size > 60'000) return 0;
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const auto whole = Decode(input, size == 0 ? 1 : size);
  const auto bytewise = Decode(input, 1);
  if (whole.status != bytewise.status || whole.used != bytewise.used) std::abort();
  if (whole.body != bytewise.body || whole.trailers != bytewise.trailers) std::abort();
  return 0;
}
