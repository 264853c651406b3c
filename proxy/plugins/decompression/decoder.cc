#include "proxy/plugins/decompression/decoder.h"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include "absl/strings/match.h"

namespace sluice::plugins {
namespace {

constexpr size_t kOutBytes = 8192;
// What one request may make the decoder remember: RFC 9659 bounds zstd's windows on the web alike.
constexpr int kZstdWindowBits = 23;

// Counts what one call of Decode() writes.
class Output {
 public:
  Output(uint64_t max_bytes, net::BlockPool& pool, net::Buffer& out)
      : left_(max_bytes), pool_(pool), out_(out) {}

  // False: too long.
  bool Append(const void* bytes, size_t size) {
    if (size > left_) return false;
    left_ -= size;
    out_.AppendCopy(pool_, absl::string_view(static_cast<const char*>(bytes), size));
    return true;
  }

 private:
  uint64_t left_;
  net::BlockPool& pool_;
  net::Buffer& out_;
};

class GzipDecoder final : public Decoder {
 public:
  GzipDecoder() {
    constexpr int kGzipFormat = 16;
    is_made_ = inflateInit2(&stream_, MAX_WBITS + kGzipFormat) == Z_OK;
  }
  ~GzipDecoder() override {
    if (is_made_) inflateEnd(&stream_);
  }

  Result Decode(absl::string_view in, uint64_t max_bytes, net::BlockPool& pool,
                net::Buffer& out) override {
    if (!is_made_) return Result::kBad;
    Output output(max_bytes, pool, out);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    for (bool is_full = false; stream_.avail_in > 0 || is_full;) {
      // Several members may stand behind each other (RFC 1952 section 2.2).
      if (is_complete_ && stream_.avail_in > 0 && inflateReset(&stream_) != Z_OK) {
        return Result::kBad;
      }
      unsigned char room[kOutBytes];
      stream_.next_out = room;
      stream_.avail_out = sizeof(room);
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return Result::kBad;
      is_complete_ = result == Z_STREAM_END;
      is_full = stream_.avail_out == 0 && !is_complete_;
      if (!output.Append(room, sizeof(room) - stream_.avail_out)) return Result::kTooLong;
    }
    return Result::kOk;
  }

  bool is_complete() const override { return is_complete_; }

 private:
  z_stream stream_{};
  bool is_made_ = false;
  bool is_complete_ = false;
};

class BrotliDecoder final : public Decoder {
 public:
  BrotliDecoder() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {}
  ~BrotliDecoder() override { BrotliDecoderDestroyInstance(state_); }

  Result Decode(absl::string_view in, uint64_t max_bytes, net::BlockPool& pool,
                net::Buffer& out) override {
    if (state_ == nullptr) return Result::kBad;
    Output output(max_bytes, pool, out);
    const auto* next_in = reinterpret_cast<const uint8_t*>(in.data());
    size_t in_left = in.size();
    for (;;) {
      uint8_t room[kOutBytes];
      uint8_t* next_out = room;
      size_t out_left = sizeof(room);
      const BrotliDecoderResult result =
          BrotliDecoderDecompressStream(state_, &in_left, &next_in, &out_left, &next_out, nullptr);
      if (result == BROTLI_DECODER_RESULT_ERROR) return Result::kBad;
      if (!output.Append(room, sizeof(room) - out_left)) return Result::kTooLong;
      if (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) continue;
      // Nothing may stand behind the end.
      return in_left == 0 ? Result::kOk : Result::kBad;
    }
  }

  bool is_complete() const override {
    return state_ != nullptr && BrotliDecoderIsFinished(state_) != 0;
  }

 private:
  BrotliDecoderState* const state_;
};

class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx()) {
    if (context_ == nullptr) return;
    is_made_ =
        !ZSTD_isError(ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kZstdWindowBits));
  }
  ~ZstdDecoder() override { ZSTD_freeDCtx(context_); }

  Result Decode(absl::string_view in, uint64_t max_bytes, net::BlockPool& pool,
                net::Buffer& out) override {
    if (!is_made_) return Result::kBad;
    Output output(max_bytes, pool, out);
    ZSTD_inBuffer source{in.data(), in.size(), 0};
    for (bool is_full = false; source.pos < source.size || is_full;) {
      char room[kOutBytes];
      ZSTD_outBuffer target{room, sizeof(room), 0};
      const size_t left = ZSTD_decompressStream(context_, &target, &source);
      if (ZSTD_isError(left)) return Result::kBad;
      is_complete_ = left == 0;
      is_full = target.pos == target.size && !is_complete_;
      if (!output.Append(room, target.pos)) return Result::kTooLong;
    }
    return Result::kOk;
  }

  bool is_complete() const override { return is_complete_; }

 private:
  ZSTD_DCtx* const context_;
  bool is_made_ = false;
  bool is_complete_ = false;
};

}  // namespace

std::unique_ptr<Decoder> MakeDecoder(absl::string_view coding) {
  if (absl::EqualsIgnoreCase(coding, "gzip") || absl::EqualsIgnoreCase(coding, "x-gzip")) {
    return std::make_unique<GzipDecoder>();
  }
  if (absl::EqualsIgnoreCase(coding, "br")) return std::make_unique<BrotliDecoder>();
  if (absl::EqualsIgnoreCase(coding, "zstd")) return std::make_unique<ZstdDecoder>();
  return nullptr;
}

}  // namespace sluice::plugins
