#include "proxy/sync/record.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/crc32c.h"

namespace sluice::sync {
namespace {

constexpr size_t kWriteBytes = 256 * 1024;
constexpr size_t kMaxReadBytes = 1024 * 1024;
constexpr size_t kChecksumBytes = 4;

}  // namespace

void PutNumber(uint64_t value, size_t bytes, std::string& out) {
  for (size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

bool TakeNumber(absl::string_view& from, size_t bytes, uint64_t& value) {
  if (from.size() < bytes) return false;
  value = 0;
  for (size_t i = 0; i < bytes; ++i) value |= uint64_t{static_cast<uint8_t>(from[i])} << (8 * i);
  from.remove_prefix(bytes);
  return true;
}

bool TakeBytes(absl::string_view& from, size_t bytes, absl::string_view& value) {
  if (from.size() < bytes) return false;
  value = from.substr(0, bytes);
  from.remove_prefix(bytes);
  return true;
}

Location RecordWriter::Add(uint8_t type, std::initializer_list<absl::string_view> payload) {
  size_t bytes = 0;
  for (absl::string_view part : payload) bytes += part.size();
  const Location location{offset(), static_cast<uint32_t>(kRecordHead + bytes)};
  const size_t start = buffer_.size();
  buffer_.append(kChecksumBytes, '\0');
  PutNumber(bytes, 4, buffer_);
  buffer_.push_back(static_cast<char>(type));
  for (absl::string_view part : payload) buffer_.append(part.data(), part.size());
  const uint32_t crc = ExtendCrc32c(0, absl::string_view(buffer_).substr(start + kChecksumBytes));
  for (size_t i = 0; i < kChecksumBytes; ++i) {
    buffer_[start + i] = static_cast<char>(crc >> (8 * i));
  }
  FlushIfLarge();
  return location;
}

Location RecordWriter::AddRaw(absl::string_view bytes) {
  const Location location{offset(), static_cast<uint32_t>(bytes.size())};
  buffer_.append(bytes.data(), bytes.size());
  FlushIfLarge();
  return location;
}

void RecordWriter::FlushIfLarge() {
  // An error shows in the last Flush().
  if (buffer_.size() >= kWriteBytes) Flush().IgnoreError();
}

absl::Status RecordWriter::Flush() {
  absl::string_view left = buffer_;
  while (!left.empty() && error_ == 0) {
    const ssize_t n = pwrite(fd_, left.data(), left.size(), static_cast<off_t>(offset_));
    if (n > 0) {
      left.remove_prefix(static_cast<size_t>(n));
      offset_ += static_cast<uint64_t>(n);
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
  buffer_.clear();
  if (error_ == 0) return absl::OkStatus();
  const std::string text = absl::StrCat("write: ", std::generic_category().message(error_));
  return error_ == ENOSPC || error_ == EDQUOT ? absl::ResourceExhaustedError(text)
                                              : absl::InternalError(text);
}

bool RecordReader::Fill(size_t bytes) {
  if (buffer_.size() - begin_ >= bytes) return true;
  buffer_.erase(0, begin_);
  offset_ += begin_;
  begin_ = 0;
  const size_t wanted = std::max(bytes, read_bytes_);
  read_bytes_ = std::min(read_bytes_ * 2, kMaxReadBytes);
  while (buffer_.size() < bytes) {
    const size_t had = buffer_.size();
    buffer_.resize(wanted);
    const ssize_t n =
        pread(fd_, buffer_.data() + had, wanted - had, static_cast<off_t>(offset_ + had));
    buffer_.resize(had + static_cast<size_t>(std::max<ssize_t>(n, 0)));
    if (n == 0 || (n < 0 && errno != EINTR)) return false;
  }
  return true;
}

RecordReader::Result RecordReader::Next(Record& record) {
  if (!Fill(kRecordHead)) return buffer_.size() == begin_ ? Result::kEnd : Result::kBad;
  absl::string_view head = absl::string_view(buffer_).substr(begin_, kRecordHead);
  uint64_t crc = 0;
  uint64_t length = 0;
  TakeNumber(head, kChecksumBytes, crc);
  TakeNumber(head, 4, length);
  if (length > kMaxPayload || !Fill(kRecordHead + length)) return Result::kBad;
  const absl::string_view whole = absl::string_view(buffer_).substr(begin_, kRecordHead + length);
  if (ExtendCrc32c(0, whole.substr(kChecksumBytes)) != crc) return Result::kBad;
  record.type = static_cast<uint8_t>(whole[kRecordHead - 1]);
  record.payload = whole.substr(kRecordHead);
  record.location = {offset(), static_cast<uint32_t>(whole.size())};
  begin_ += whole.size();
  return Result::kRecord;
}

bool RecordReader::TakeRaw(size_t bytes, absl::string_view& out) {
  if (!Fill(bytes)) return false;
  out = absl::string_view(buffer_).substr(begin_, bytes);
  begin_ += bytes;
  return true;
}

void RecordReader::SeekForward(uint64_t offset) {
  if (offset >= this->offset() && offset - offset_ <= buffer_.size()) {
    begin_ = static_cast<size_t>(offset - offset_);
    return;
  }
  buffer_.clear();
  begin_ = 0;
  offset_ = offset;
}

}  // namespace sluice::sync
