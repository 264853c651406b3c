#include "proxy/http/grpc/message_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::http::grpc {

size_t MessageReader::Take(size_t wanted, std::string& out) {
  size_t taken = 0;
  while (taken < wanted && !bytes_.empty()) {
    const absl::string_view front = bytes_.Front();
    const size_t part = std::min(wanted - taken, front.size());
    out.append(front.data(), part);
    bytes_.Drain(part);
    taken += part;
  }
  return taken;
}

absl::Status MessageReader::ReadHead() {
  if (head_[0] != 0) return absl::InternalError("a compressed message, which was not asked for");
  length_ = 0;
  for (size_t i = 1; i < kHead; ++i) length_ = (length_ << 8) | static_cast<uint8_t>(head_[i]);
  if (length_ > max_message_bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a message of ", length_, " bytes; the limit is ", max_message_bytes_));
  }
  message_.clear();
  message_.reserve(length_);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> MessageReader::Next() {
  if (head_.size() < kHead) {
    Take(kHead - head_.size(), head_);
    if (head_.size() < kHead) return std::nullopt;
    if (absl::Status status = ReadHead(); !status.ok()) return status;
  }
  Take(length_ - message_.size(), message_);
  if (message_.size() < length_) return std::nullopt;
  head_.clear();
  return std::optional<std::string>(std::move(message_));
}

}  // namespace sluice::http::grpc
