// compression: compresses responses for clients that take it.
//
// Configuration: api/sluice/plugins/v1/compression.proto. Streams response bodies: what an encoder
// holds back is bounded by its window. Request bodies of any size pass untouched.
//
// A response whose encoder cannot go on is cut, as "compression_failed".
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "proxy/plugins/compression/encoder.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class Compression;
}  // namespace v1

class Compression {
 public:
  struct Types {
    bool has_every = false;
    absl::flat_hash_set<std::string> whole;  // "text/html"
    std::vector<std::string> prefixes;       // "text/"

    // `type` as in Content-Type.
    bool Contain(absl::string_view type) const;
  };

  struct Settings {
    std::vector<Coding> codings;  // The preferred one first.
    Types types;
    uint64_t min_bytes = 0;
    int effort = 2;
    bool hides_accept_encoding = false;
    std::shared_ptr<EncoderStore> encoders;
  };

  explicit Compression(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream& stream);
  Action OnResponseHead(Stream& stream);
  Action OnResponseBody(net::Buffer& body, bool end, Stream& stream);

 private:
  bool IsWorthwhile(const Stream& stream) const;
  static void ChangeHead(Coding coding, Stream& stream);
  bool Encode(const net::Buffer& body, Encoder::Until until, net::BlockPool& pool,
              net::Buffer& out);

  const Settings& settings_;
  std::optional<Coding> wanted_;
  EncoderStore::Lent encoder_;  // Null: this response passes as it is.
  bool is_forbidden_ = false;   // The client wants nobody to transform anything.
  bool flushes_ = false;
};

// Always OK: every configuration of it can be run.
absl::StatusOr<Instance> MakeCompression(const v1::Compression& config,
                                         std::shared_ptr<EncoderStore> encoders);

}  // namespace sluice::plugins
