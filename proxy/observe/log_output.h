// One file that lines are appended to: open, written, kept through errors, opened again.
//
// Regular files, and pipes, terminals and sockets whose reader may stall: those are written only as
// far as they take it, so that nobody waits for them.
//
// Thread: one; the log thread's.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sluice::observe {

class LogOutput {
 public:
  // Text that waits for the file; beyond it, lines are dropped.
  static constexpr size_t kMaxWaiting = 1 << 20;

  explicit LogOutput(std::string path) : path_(std::move(path)) {}
  ~LogOutput();
  LogOutput(const LogOutput&) = delete;
  LogOutput& operator=(const LogOutput&) = delete;

  // Opens the file if it is not: made with mode 0640 if missing; /dev/stdout and /dev/stderr are
  // the process's own. UNAVAILABLE says why it cannot be opened.
  absl::Status Open();

  // A line in two parts, with its line break. Writes when enough has come together.
  void Append(absl::string_view first, absl::string_view second, int64_t now_ns);

  // Opens and writes as far as it goes. After a failure there is no effect for a second, unless
  // `retry`.
  void Flush(int64_t now_ns, bool retry);

  // Goes on in the file that has the path now.
  void Reopen(int64_t now_ns);

  // Counts what waits as dropped.
  void Abandon();

  bool is_waiting() const { return !waiting_.empty(); }
  // The last failure; OK once a write succeeds.
  const absl::Status& status() const { return status_; }

  // Lines written whole, lines lost, failures to open or write.
  uint64_t lines() const { return lines_; }
  uint64_t dropped() const { return dropped_; }
  uint64_t errors() const { return errors_; }

 private:
  static constexpr size_t kWriteBytes = 64 * 1024;

  size_t Write();
  void Fail(absl::string_view what, int error);
  void Close();

  const std::string path_;
  int fd_ = -1;
  bool may_stall_ = false;   // No regular file.
  bool is_stalled_ = false;  // The last write took less than all.
  bool is_in_line_ = false;  // A part of the first line of waiting_ is in the file.
  std::string waiting_;
  int64_t retry_at_ns_ = 0;
  absl::Status status_;
  uint64_t lines_ = 0;
  uint64_t dropped_ = 0;
  uint64_t errors_ = 0;
};

}  // namespace sluice::observe
