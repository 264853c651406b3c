// Checksummed records in a file, which is only ever appended to. docs/decisions/journal.md has
// the format byte by byte.
//
// Thread: one.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sluice::sync {

// Where a record lies in its file, from its first byte; bytes 0: in no file.
struct Location {
  uint64_t offset = 0;
  uint32_t bytes = 0;
};

inline constexpr size_t kRecordHead = 9;  // Checksum, length, type.
inline constexpr uint32_t kMaxPayload = 64 * 1024 * 1024;

struct Record {
  uint8_t type = 0;
  absl::string_view payload;
  Location location;
};

// Numbers and strings of payloads, little-endian.
void PutNumber(uint64_t value, size_t bytes, std::string& out);
// Takes `bytes` off the front; false, taking nothing, if there are fewer.
bool TakeNumber(absl::string_view& from, size_t bytes, uint64_t& value);
bool TakeBytes(absl::string_view& from, size_t bytes, absl::string_view& value);

// Collects records and writes them in large pieces. After an error it writes nothing more.
class RecordWriter {
 public:
  // Writes to `fd`, which stays the caller's, from `offset`.
  RecordWriter(int fd, uint64_t offset) : fd_(fd), offset_(offset) {}

  Location Add(uint8_t type, std::initializer_list<absl::string_view> payload);
  // Bytes as they are: a whole record of another file, or the file's head.
  Location AddRaw(absl::string_view bytes);

  // Hands everything to the system. RESOURCE_EXHAUSTED: no room; INTERNAL: another error.
  absl::Status Flush();

  uint64_t offset() const { return offset_ + buffer_.size(); }

 private:
  void FlushIfLarge();

  const int fd_;
  uint64_t offset_;  // Of the buffer's first byte.
  std::string buffer_;
  int error_ = 0;  // errno of the first failure.
};

// Reads records one after the other.
class RecordReader {
 public:
  enum class Result { kRecord, kEnd, kBad };

  RecordReader(int fd, uint64_t offset) : fd_(fd), offset_(offset) {}

  // kBad: what follows is no whole record with a right checksum. `record` is valid until the next
  // call.
  Result Next(Record& record);
  // Exactly `bytes` as they are; false if there are fewer.
  bool TakeRaw(size_t bytes, absl::string_view& out);
  // Goes on reading at `offset`: cheap if that lies a little ahead.
  void SeekForward(uint64_t offset);

  uint64_t offset() const { return offset_ + begin_; }

 private:
  // Makes at least `bytes` available at begin_; false if the file has fewer.
  bool Fill(size_t bytes);

  const int fd_;
  uint64_t offset_;  // Of the buffer's first byte.
  std::string buffer_;
  size_t begin_ = 0;          // What has been taken.
  size_t read_bytes_ = 4096;  // Doubles with each read: a small file needs no large buffer.
};

}  // namespace sluice::sync
