// Finds where HTTP/1.1 messages end, and what little of them a load generator must know.
//
// It trusts its peer: this is no parser for a server. Both sides of hairpin use it, because every
// nanosecond spent here is one in which the proxy under test waits.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::hairpin {

class MessageReader {
 public:
  enum class Kind { kRequest, kResponse };
  enum class State { kHead, kBody, kChunkSize, kChunkEnd, kTrailers, kUntilClose, kDone, kBroken };

  explicit MessageReader(Kind kind) : kind_(kind) {}

  // Starts over for the next message. `bodiless` is for the answer to a HEAD.
  void Reset(bool bodiless = false);

  // Takes what belongs to the current message and returns how much that was; less than all only
  // once the message is done or broken. Interim responses (1xx) are passed over.
  size_t Feed(absl::string_view data);

  // The peer closed: an end for a body that lasts until then, otherwise the message is broken.
  void Closed();

  bool done() const { return state_ == State::kDone; }
  bool broken() const { return state_ == State::kBroken; }
  // No byte of a message has come yet.
  bool untouched() const { return state_ == State::kHead && head_.empty(); }

  // Valid from the end of the head on.
  int status() const { return status_; }
  uint64_t body_bytes() const { return body_bytes_; }
  bool wants_close() const { return wants_close_; }

 private:
  size_t FeedHead(absl::string_view data);
  size_t FeedBody(absl::string_view data);
  size_t FeedLine(absl::string_view data);
  void OnHead(absl::string_view head);
  void OnHeader(absl::string_view line);
  void OnLine(absl::string_view line);

  const Kind kind_;
  State state_ = State::kHead;
  bool bodiless_ = false;
  bool chunked_ = false;
  bool has_length_ = false;
  bool wants_close_ = false;
  int status_ = 0;
  uint64_t remaining_ = 0;   // Of the body, or of the current chunk.
  uint64_t body_bytes_ = 0;  // Seen, without chunk framing.
  std::string head_;         // Only what of a head or line came in an earlier read.
};

}  // namespace sluice::hairpin
