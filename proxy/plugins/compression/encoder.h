// Compressors, and a store of those that are idle.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "proxy/net/buffer.h"

namespace sluice::plugins {

enum class Coding : uint8_t { kGzip, kBrotli, kZstd };
inline constexpr int kCodings = 3;

// As in Content-Encoding: "gzip", "br", "zstd".
absl::string_view CodingName(Coding coding);

// One body at a time. Thread: one at a time.
class Encoder {
 public:
  enum class Until : uint8_t {
    kMore,   // Keeps what compresses better together with what comes.
    kFlush,  // What came so far can be decoded from what went out.
    kEnd,    // The body is complete.
  };

  virtual ~Encoder() = default;

  // Makes it ready for a body. `effort` is 1 to 5. False: no memory.
  virtual bool Begin(int effort) = 0;
  // Appends to `out` what `in` becomes. False: no memory; the body cannot be completed.
  virtual bool Encode(absl::string_view in, Until until, net::BlockPool& pool,
                      net::Buffer& out) = 0;
};

// Lends encoders, and keeps some of those that come back: a fresh one costs a quarter to a whole
// megabyte to allocate and clear.
//
// Brotli's are never kept, as its library has no way to begin again.
//
// Thread: any, without locks: each place is taken and filled by one atomic exchange.
class EncoderStore {
 public:
  // Gives an encoder back to the store that lent it, which may go before it does.
  struct Return {
    std::shared_ptr<EncoderStore> store;
    Coding coding = Coding::kGzip;
    void operator()(Encoder* encoder) const;
  };
  using Lent = std::unique_ptr<Encoder, Return>;

  EncoderStore() = default;
  ~EncoderStore();
  EncoderStore(const EncoderStore&) = delete;
  EncoderStore& operator=(const EncoderStore&) = delete;

  // Ready for a body; null: no memory.
  static Lent Take(const std::shared_ptr<EncoderStore>& store, Coding coding, int effort);

 private:
  // Of each coding; more are freed.
  static constexpr size_t kMostIdle = 32;

  void Keep(Coding coding, Encoder* encoder);

  std::array<std::array<std::atomic<Encoder*>, kMostIdle>, kCodings> idle_{};
};

}  // namespace sluice::plugins
