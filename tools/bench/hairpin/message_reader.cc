#include "tools/bench/hairpin/message_reader.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace sluice::hairpin {
namespace {

constexpr size_t kMostHeadBytes = 256 * 1024;

// The value of `line` if it is the header `name`, which is lower-case and ends in a colon.
bool HeaderValue(absl::string_view line, absl::string_view name, absl::string_view& value) {
  if (!absl::StartsWithIgnoreCase(line, name)) return false;
  value = absl::StripAsciiWhitespace(line.substr(name.size()));
  return true;
}

}  // namespace

void MessageReader::Reset(bool bodiless) {
  state_ = State::kHead;
  bodiless_ = bodiless;
  chunked_ = false;
  has_length_ = false;
  wants_close_ = false;
  status_ = 0;
  remaining_ = 0;
  body_bytes_ = 0;
  head_.clear();
}

size_t MessageReader::Feed(absl::string_view data) {
  size_t used = 0;
  while (used < data.size() && !done() && !broken()) {
    const absl::string_view rest = data.substr(used);
    switch (state_) {
      case State::kHead:
        used += FeedHead(rest);
        break;
      case State::kBody:
      case State::kUntilClose:
        used += FeedBody(rest);
        break;
      default:
        used += FeedLine(rest);
    }
  }
  return used;
}

void MessageReader::Closed() {
  state_ = state_ == State::kUntilClose ? State::kDone : State::kBroken;
}

size_t MessageReader::FeedHead(absl::string_view data) {
  if (head_.empty()) {
    const size_t end = data.find("\r\n\r\n");
    if (end != absl::string_view::npos) {
      OnHead(data.substr(0, end + 2));
      return end + 4;
    }
  }
  // Rare: the head is cut by the end of a read.
  const size_t before = head_.size();
  head_.append(data.data(), data.size());
  const size_t end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
  if (end == std::string::npos) {
    if (head_.size() > kMostHeadBytes) state_ = State::kBroken;
    return data.size();
  }
  const std::string head = head_.substr(0, end + 2);
  head_.clear();
  OnHead(head);
  return end + 4 - before;
}

void MessageReader::OnHead(absl::string_view head) {
  size_t line_end = head.find("\r\n");
  if (kind_ == Kind::kResponse) {
    if (line_end < 12 || !absl::SimpleAtoi(head.substr(9, 3), &status_)) {
      state_ = State::kBroken;
      return;
    }
    if (status_ < 200 && status_ != 101) return Reset(bodiless_);
    if (status_ == 204 || status_ == 304) bodiless_ = true;
  }
  for (size_t at = line_end + 2; at < head.size(); at = line_end + 2) {
    line_end = head.find('\n', at) - 1;
    OnHeader(head.substr(at, line_end - at));
  }
  if (broken()) return;
  if (bodiless_) {
    state_ = State::kDone;
  } else if (chunked_) {
    state_ = State::kChunkSize;
  } else if (has_length_ || kind_ == Kind::kRequest) {
    state_ = remaining_ == 0 ? State::kDone : State::kBody;
  } else {
    state_ = State::kUntilClose;
  }
}

void MessageReader::OnHeader(absl::string_view line) {
  if (line.empty()) return;
  absl::string_view value;
  switch (line.front() | 0x20) {
    case 'c':
      if (HeaderValue(line, "content-length:", value)) {
        has_length_ = absl::SimpleAtoi(value, &remaining_);
        if (!has_length_) state_ = State::kBroken;
      } else if (HeaderValue(line, "connection:", value)) {
        wants_close_ = absl::EqualsIgnoreCase(value, "close");
      }
      break;
    case 't':
      if (HeaderValue(line, "transfer-encoding:", value)) {
        chunked_ = absl::EqualsIgnoreCase(value, "chunked");
      }
      break;
    default:
      break;
  }
}

size_t MessageReader::FeedBody(absl::string_view data) {
  if (state_ == State::kUntilClose) {
    body_bytes_ += data.size();
    return data.size();
  }
  const uint64_t taken = std::min<uint64_t>(remaining_, data.size());
  remaining_ -= taken;
  body_bytes_ += taken;
  if (remaining_ == 0) state_ = chunked_ ? State::kChunkEnd : State::kDone;
  return taken;
}

size_t MessageReader::FeedLine(absl::string_view data) {
  const size_t end = data.find('\n');
  const bool whole = end != absl::string_view::npos;
  const size_t used = whole ? end + 1 : data.size();
  head_.append(data.data(), used);
  if (head_.size() > kMostHeadBytes) state_ = State::kBroken;
  if (whole && !broken()) {
    const std::string line = std::move(head_);
    head_.clear();
    OnLine(absl::StripSuffix(absl::StripSuffix(line, "\n"), "\r"));
  }
  return used;
}

void MessageReader::OnLine(absl::string_view line) {
  if (state_ == State::kChunkEnd) {
    state_ = line.empty() ? State::kChunkSize : State::kBroken;
  } else if (state_ == State::kTrailers) {
    if (line.empty()) state_ = State::kDone;
  } else if (!absl::SimpleHexAtoi(line.substr(0, line.find(';')), &remaining_)) {
    state_ = State::kBroken;
  } else {
    state_ = remaining_ == 0 ? State::kTrailers : State::kBody;
  }
}

}  // namespace sluice::hairpin
