// Chunk framing is read byte by byte by a state machine, chunk data in whole runs. Nothing outside
// the grammar of RFC 9112 section 7.1 is taken; extensions are checked, bounded and dropped.

#include "proxy/http/h1/body_decoder.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace sluice::http::h1 {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

void BodyDecoder::Begin(Framing framing, uint64_t length) {
  framing_ = framing;
  remaining_ = length;
  extension_bytes_ = 0;
  trailers_.reset();
  switch (framing) {
    case Framing::kNone:
      state_ = State::kDone;
      break;
    case Framing::kLength:
      state_ = length == 0 ? State::kDone : State::kLength;
      break;
    case Framing::kChunked:
      state_ = State::kSizeFirst;
      break;
    case Framing::kUntilClose:
      state_ = State::kUntilClose;
      break;
  }
}

uint64_t BodyDecoder::run() const {
  if (state_ == State::kUntilClose) return UINT64_MAX;
  return state_ == State::kLength || state_ == State::kData ? remaining_ : 0;
}

void BodyDecoder::Skip(uint64_t bytes) {
  if (state_ == State::kUntilClose) return;
  remaining_ -= bytes;
  if (remaining_ == 0) state_ = state_ == State::kData ? State::kDataCr : State::kDone;
}

BodyDecoder::Result BodyDecoder::Decode(const net::BlockRef& block, const char* begin,
                                        const char* end, net::Buffer& out) {
  const char* p = begin;
  while (p < end && state_ != State::kDone) {
    switch (state_) {
      case State::kUntilClose:
      case State::kLength:
      case State::kData: {
        const size_t taken = std::min<uint64_t>(run(), static_cast<uint64_t>(end - p));
        out.Append(block, p, p + taken);
        p += taken;
        Skip(taken);
        break;
      }
      default:
        if (Step(*p++)) break;
        return {has_too_many_trailers() ? Status::kTooLarge : Status::kError,
                static_cast<size_t>(p - begin)};
    }
  }
  return {state_ == State::kDone ? Status::kDone : Status::kMore, static_cast<size_t>(p - begin)};
}

bool BodyDecoder::Step(char c) {
  switch (state_) {
    case State::kSizeFirst:
    case State::kSize: {
      const int value = HexValue(c);
      if (value >= 0) {
        if (state_ == State::kSizeFirst) digits_ = 0;
        if (state_ == State::kSizeFirst) remaining_ = 0;
        // Fifteen digits are below 2^60: no sum of sizes overflows.
        if (++digits_ > 15) return false;
        remaining_ = remaining_ * 16 + static_cast<uint64_t>(value);
        state_ = State::kSize;
        return true;
      }
      if (state_ == State::kSizeFirst) return false;
      state_ = c == ';' ? State::kExtensionFirst : State::kSizeLf;
      return c == ';' || c == '\r';
    }
    case State::kExtensionFirst:
      // An extension has a name.
      state_ = State::kExtension;
      if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-' && c != '.') {
        return false;
      }
      return ++extension_bytes_ <= kMaxExtensionBytes;
    case State::kExtension:
      if (c == '\r') {
        state_ = State::kSizeLf;
        return true;
      }
      if (c == ';') state_ = State::kExtensionFirst;
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return false;
      return ++extension_bytes_ <= kMaxExtensionBytes;
    case State::kSizeLf:
      state_ = remaining_ == 0 ? State::kTrailers : State::kData;
      return c == '\n';
    case State::kDataCr:
      state_ = State::kDataLf;
      return c == '\r';
    case State::kDataLf:
      state_ = State::kSizeFirst;
      return c == '\n';
    case State::kTrailers:
      return TakeTrailerByte(c);
    default:
      return false;
  }
}

bool BodyDecoder::TakeTrailerByte(char c) {
  // Lines are checked by ParseTrailers(); here only where the section ends. A line feed alone ends
  // no line.
  if (trailers_ == nullptr) trailers_ = std::make_unique<std::string>();
  std::string& text = *trailers_;
  if (has_too_many_trailers()) return false;
  if (c == '\n' && (text.empty() || text.back() != '\r')) return false;
  text.push_back(c);
  if (text == "\r\n") {
    trailers_.reset();
    state_ = State::kDone;
  } else if (absl::EndsWith(text, "\r\n\r\n")) {
    state_ = State::kDone;
  }
  return true;
}

}  // namespace sluice::http::h1
