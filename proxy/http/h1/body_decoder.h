// Takes a message's body out of HTTP/1 framing: a length, chunks, or the end of the connection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "proxy/http/h1/head_parser.h"
#include "proxy/net/buffer.h"

namespace sluice::http::h1 {

class BodyDecoder {
 public:
  enum class Status : uint8_t {
    kMore,      // All input was used; more is to come.
    kDone,      // The body is complete; input behind `used` is not its.
    kError,     // The framing is broken.
    kTooLarge,  // The trailers are.
  };
  struct Result {
    Status status;
    size_t used;
  };

  enum class Framing : uint8_t { kNone, kLength, kChunked, kUntilClose };

  void Begin(Framing framing, uint64_t length);

  // Appends the body bytes among [begin, end), which lie in `block`, to `out`.
  Result Decode(const net::BlockRef& block, const char* begin, const char* end, net::Buffer& out);

  // How many bytes follow, at least, of which each is the body's.
  uint64_t run() const;
  // So many of them, at most run(), were taken without being decoded.
  void Skip(uint64_t bytes);

  Framing framing() const { return framing_; }
  static constexpr size_t kMaxTrailerBytes = 32 * 1024;

  bool is_done() const { return state_ == State::kDone; }
  // Bytes that are still to come, for kLength.
  uint64_t remaining() const { return remaining_; }
  // After kDone of kChunked: the trailer section, without the last chunk's line; ends with the
  // empty line. Empty if there were no trailers.
  absl::string_view trailer_text() const {
    return trailers_ == nullptr ? absl::string_view() : *trailers_;
  }

 private:
  // kSize -> (kExtension) -> kSizeLf -> kData -> kDataCr -> kDataLf -> kSize ...; a size of 0 leads
  // to kTrailers and kDone.
  enum class State : uint8_t {
    kDone,
    kLength,
    kUntilClose,
    kSizeFirst,
    kSize,
    kExtensionFirst,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailers,
  };

  // One byte of chunk framing; false if it is wrong.
  bool Step(char c);
  bool TakeTrailerByte(char c);
  bool has_too_many_trailers() const {
    return trailers_ != nullptr && trailers_->size() >= kMaxTrailerBytes;
  }

  static constexpr uint32_t kMaxExtensionBytes = 16 * 1024;

  Framing framing_ = Framing::kNone;
  State state_ = State::kDone;
  uint8_t digits_ = 0;
  uint32_t extension_bytes_ = 0;
  uint64_t remaining_ = 0;
  std::unique_ptr<std::string> trailers_;  // Hardly ever: idle connections hold a decoder, too.
};

}  // namespace sluice::http::h1
