// Windows are 128 KiB (gzip: its 32 KiB): what a web response repeats lies nearer, and a proxy with
// thousands of open event streams holds an encoder for each.
#include "proxy/plugins/compression/encoder.h"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <utility>

namespace sluice::plugins {
namespace {

constexpr int kWindowBits = 17;
constexpr size_t kOutBytes = 8192;

// By effort, from 1 to 5.
constexpr int kGzipLevels[] = {1, 4, 6, 7, 9};
constexpr uint32_t kBrotliQualities[] = {1, 4, 5, 7, 9};
constexpr int kZstdLevels[] = {1, 3, 6, 9, 15};

class GzipEncoder final : public Encoder {
 public:
  ~GzipEncoder() override {
    if (is_made_) deflateEnd(&stream_);
  }

  bool Begin(int effort) override {
    const int level = kGzipLevels[effort - 1];
    if (!is_made_) {
      constexpr int kGzipFormat = 16;
      constexpr int kMemoryLevel = 8;
      is_made_ = deflateInit2(&stream_, level, Z_DEFLATED, MAX_WBITS + kGzipFormat, kMemoryLevel,
                              Z_DEFAULT_STRATEGY) == Z_OK;
      return is_made_;
    }
    return deflateReset(&stream_) == Z_OK &&
           deflateParams(&stream_, level, Z_DEFAULT_STRATEGY) == Z_OK;
  }

  bool Encode(absl::string_view in, Until until, net::BlockPool& pool, net::Buffer& out) override {
    const int flush = until == Until::kEnd     ? Z_FINISH
                      : until == Until::kFlush ? Z_SYNC_FLUSH
                                               : Z_NO_FLUSH;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    for (;;) {
      char room[kOutBytes];
      stream_.next_out = reinterpret_cast<Bytef*>(room);
      stream_.avail_out = sizeof(room);
      const int result = deflate(&stream_, flush);
      // Z_BUF_ERROR: there was nothing to do.
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return false;
      out.AppendCopy(pool, absl::string_view(room, sizeof(room) - stream_.avail_out));
      if (stream_.avail_out > 0) return true;
    }
  }

 private:
  z_stream stream_{};
  bool is_made_ = false;
};

class BrotliEncoder final : public Encoder {
 public:
  ~BrotliEncoder() override { BrotliEncoderDestroyInstance(state_); }

  bool Begin(int effort) override {
    BrotliEncoderDestroyInstance(state_);
    state_ = BrotliEncoderCreateInstance(nullptr, nullptr, nullptr);
    return state_ != nullptr &&
           BrotliEncoderSetParameter(state_, BROTLI_PARAM_QUALITY, kBrotliQualities[effort - 1]) &&
           BrotliEncoderSetParameter(state_, BROTLI_PARAM_LGWIN, kWindowBits);
  }

  bool Encode(absl::string_view in, Until until, net::BlockPool& pool, net::Buffer& out) override {
    const BrotliEncoderOperation operation = until == Until::kEnd     ? BROTLI_OPERATION_FINISH
                                             : until == Until::kFlush ? BROTLI_OPERATION_FLUSH
                                                                      : BROTLI_OPERATION_PROCESS;
    const auto* next_in = reinterpret_cast<const uint8_t*>(in.data());
    size_t in_left = in.size();
    for (;;) {
      uint8_t room[kOutBytes];
      uint8_t* next_out = room;
      size_t out_left = sizeof(room);
      if (!BrotliEncoderCompressStream(state_, operation, &in_left, &next_in, &out_left, &next_out,
                                       nullptr)) {
        return false;
      }
      out.AppendCopy(pool,
                     absl::string_view(reinterpret_cast<char*>(room), sizeof(room) - out_left));
      if (in_left == 0 && !BrotliEncoderHasMoreOutput(state_)) return true;
    }
  }

 private:
  BrotliEncoderState* state_ = nullptr;
};

class ZstdEncoder final : public Encoder {
 public:
  ~ZstdEncoder() override { ZSTD_freeCCtx(context_); }

  bool Begin(int effort) override {
    if (context_ == nullptr) context_ = ZSTD_createCCtx();
    if (context_ == nullptr) return false;
    const auto set = [this](ZSTD_cParameter parameter, int value) {
      return !ZSTD_isError(ZSTD_CCtx_setParameter(context_, parameter, value));
    };
    return !ZSTD_isError(ZSTD_CCtx_reset(context_, ZSTD_reset_session_and_parameters)) &&
           set(ZSTD_c_compressionLevel, kZstdLevels[effort - 1]) &&
           set(ZSTD_c_windowLog, kWindowBits);
  }

  bool Encode(absl::string_view in, Until until, net::BlockPool& pool, net::Buffer& out) override {
    const ZSTD_EndDirective directive = until == Until::kEnd     ? ZSTD_e_end
                                        : until == Until::kFlush ? ZSTD_e_flush
                                                                 : ZSTD_e_continue;
    ZSTD_inBuffer source{in.data(), in.size(), 0};
    for (;;) {
      char room[kOutBytes];
      ZSTD_outBuffer target{room, sizeof(room), 0};
      const size_t left = ZSTD_compressStream2(context_, &target, &source, directive);
      if (ZSTD_isError(left)) return false;
      out.AppendCopy(pool, absl::string_view(room, target.pos));
      const bool is_done = directive == ZSTD_e_continue
                               ? source.pos == source.size && target.pos < target.size
                               : left == 0;
      if (is_done) return true;
    }
  }

 private:
  ZSTD_CCtx* context_ = nullptr;
};

std::unique_ptr<Encoder> Make(Coding coding) {
  switch (coding) {
    case Coding::kGzip:
      return std::make_unique<GzipEncoder>();
    case Coding::kBrotli:
      return std::make_unique<BrotliEncoder>();
    case Coding::kZstd:
      return std::make_unique<ZstdEncoder>();
  }
  return nullptr;
}

}  // namespace

absl::string_view CodingName(Coding coding) {
  switch (coding) {
    case Coding::kGzip:
      return "gzip";
    case Coding::kBrotli:
      return "br";
    case Coding::kZstd:
      return "zstd";
  }
  return "";
}

EncoderStore::~EncoderStore() {
  for (auto& places : idle_) {
    for (std::atomic<Encoder*>& place : places) delete place.load();
  }
}

EncoderStore::Lent EncoderStore::Take(const std::shared_ptr<EncoderStore>& store, Coding coding,
                                      int effort) {
  std::unique_ptr<Encoder> encoder;
  for (std::atomic<Encoder*>& place : store->idle_[static_cast<size_t>(coding)]) {
    if (place.load(std::memory_order_relaxed) == nullptr) continue;
    encoder.reset(place.exchange(nullptr, std::memory_order_acquire));
    if (encoder != nullptr) break;
  }
  if (encoder == nullptr) encoder = Make(coding);
  if (!encoder->Begin(effort)) return nullptr;
  return Lent(encoder.release(), Return{store, coding});
}

void EncoderStore::Return::operator()(Encoder* encoder) const { store->Keep(coding, encoder); }

void EncoderStore::Keep(Coding coding, Encoder* encoder) {
  std::unique_ptr<Encoder> owned(encoder);
  if (coding == Coding::kBrotli) return;
  for (std::atomic<Encoder*>& place : idle_[static_cast<size_t>(coding)]) {
    Encoder* empty = nullptr;
    if (place.compare_exchange_strong(empty, owned.get(), std::memory_order_release,
                                      std::memory_order_relaxed)) {
      static_cast<void>(owned.release());
      return;
    }
  }
}

}  // namespace sluice::plugins
