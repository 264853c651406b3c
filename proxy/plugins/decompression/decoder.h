// Decompressors that stop when they are told to, for bodies from strangers.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "proxy/net/buffer.h"

namespace sluice::plugins {

// One body. Thread: one worker's.
class Decoder {
 public:
  enum class Result : uint8_t {
    kOk,
    kBad,      // Not of this coding.
    kTooLong,  // There is more than `max_bytes` in `in`.
  };

  virtual ~Decoder() = default;

  // Appends to `out` what `in` becomes, at most `max_bytes` (and one step more, of a few KiB).
  virtual Result Decode(absl::string_view in, uint64_t max_bytes, net::BlockPool& pool,
                        net::Buffer& out) = 0;
  // Whether what came so far is whole: a body must not end in between.
  virtual bool is_complete() const = 0;
};

// Of the name in Content-Encoding ("gzip", "x-gzip", "br", "zstd", in any case); null for others.
std::unique_ptr<Decoder> MakeDecoder(absl::string_view coding);

}  // namespace sluice::plugins
