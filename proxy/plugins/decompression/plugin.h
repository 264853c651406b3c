// decompression: decodes compressed request bodies before the upstream sees them.
//
// Configuration: api/sluice/plugins/v1/decompression.proto. Streams request bodies: what one piece
// becomes is held until it is sent, which the limits bound. Responses pass untouched.
//
// A refusal is 413 "decompressed_too_large" or 400 "decompression_failed".
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "proxy/plugins/decompression/decoder.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class Decompression;
}  // namespace v1

class Decompression {
 public:
  struct Settings {
    uint64_t max_bytes = 0;
    uint64_t max_ratio = 0;
  };

  explicit Decompression(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream& stream);
  Action OnRequestBody(net::Buffer& body, bool end, Stream& stream);

 private:
  uint64_t Allowance() const;
  Decoder::Result Decode(const net::Buffer& body, net::BlockPool& pool, net::Buffer& out);

  const Settings& settings_;
  std::unique_ptr<Decoder> decoder_;  // Null: this request passes as it is.
  uint64_t received_bytes_ = 0;
  uint64_t decoded_bytes_ = 0;
};

// Always OK: every configuration of it can be run.
absl::StatusOr<Instance> MakeDecompression(const v1::Decompression& config);

}  // namespace sluice::plugins
