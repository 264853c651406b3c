#include "proxy/plugins/decompression/plugin.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "sluice/plugins/v1/decompression.pb.h"

namespace sluice::plugins {
namespace {

using http::HeaderId;

constexpr uint64_t kDefaultMaxBytes = 8 << 20;
constexpr uint64_t kDefaultMaxRatio = 100;
// Below it any ratio is harmless: one repeated word compresses well.
constexpr uint64_t kFreeBytes = 64 << 10;

}  // namespace

Action Decompression::OnRequestHead(Stream& stream) {
  http::RequestHead& request = stream.request();
  const auto* encoding = request.headers.Find(HeaderId::kContentEncoding);
  if (encoding == nullptr || request.headers.Next(encoding) != nullptr ||
      !request.body.has_bytes()) {
    return Action::kContinue;
  }
  decoder_ = MakeDecoder(absl::StripAsciiWhitespace(encoding->value()));
  if (decoder_ == nullptr) return Action::kContinue;
  request.headers.Remove(HeaderId::kContentEncoding);
  for (const absl::string_view name : {"content-digest", "repr-digest", "digest", "content-md5"}) {
    request.headers.Remove(name);
  }
  request.body = http::BodySize::Unknown();
  return Action::kContinue;
}

// How many bytes more may come out of what has been received.
uint64_t Decompression::Allowance() const {
  const uint64_t by_ratio = std::max(kFreeBytes, received_bytes_ * settings_.max_ratio);
  return std::min(settings_.max_bytes, by_ratio) - decoded_bytes_;
}

Decoder::Result Decompression::Decode(const net::Buffer& body, net::BlockPool& pool,
                                      net::Buffer& out) {
  Decoder::Result result = Decoder::Result::kOk;
  body.ForEach([&](absl::string_view piece) {
    if (result != Decoder::Result::kOk) return;
    received_bytes_ += piece.size();
    const size_t before = out.size();
    result = decoder_->Decode(piece, Allowance(), pool, out);
    decoded_bytes_ += out.size() - before;
  });
  return result;
}

Action Decompression::OnRequestBody(net::Buffer& body, bool end, Stream& stream) {
  if (decoder_ == nullptr) return Action::kContinue;
  net::Buffer out;
  const Decoder::Result result = Decode(body, stream.arena().pool(), out);
  body = std::move(out);
  if (result == Decoder::Result::kTooLong) {
    stream.Reply({.status = 413, .details = "decompressed_too_large"});
    return Action::kStop;
  }
  const bool is_cut = end && received_bytes_ > 0 && !decoder_->is_complete();
  if (result == Decoder::Result::kBad || is_cut) {
    stream.Reply({.status = 400, .details = "decompression_failed"});
    return Action::kStop;
  }
  return Action::kContinue;
}

absl::StatusOr<Instance> MakeDecompression(const v1::Decompression& config) {
  Decompression::Settings settings;
  settings.max_bytes = config.has_max_bytes() ? config.max_bytes() : kDefaultMaxBytes;
  settings.max_ratio = config.has_max_ratio() ? config.max_ratio() : kDefaultMaxRatio;
  return Instantiate<Decompression>(settings, BodyMode::Streamed());
}

}  // namespace sluice::plugins
