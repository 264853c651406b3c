#include "proxy/observe/log_output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::observe {

namespace {

constexpr int64_t kRetryNs = 1'000'000'000;
// A pipe that polls as writable takes this much without blocking (PIPE_BUF on Linux).
constexpr size_t kPipeBytes = 4096;

// -1 for other paths.
int StandardStream(absl::string_view path) {
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  return -1;
}

bool IsWritable(int fd) {
  pollfd poll_fd = {fd, POLLOUT, 0};
  return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & (POLLOUT | POLLERR | POLLHUP)) != 0;
}

}  // namespace

LogOutput::~LogOutput() { Close(); }

void LogOutput::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  if (!std::exchange(is_in_line_, false)) return;
  // The rest of a line makes no sense in another file.
  waiting_.erase(0, waiting_.find('\n') + 1);
  ++dropped_;
}

void LogOutput::Fail(absl::string_view what, int error) {
  status_ = absl::UnavailableError(
      absl::StrCat("access log \"", path_, "\": ", what, ": ", std::strerror(error)));
  ++errors_;
}

absl::Status LogOutput::Open() {
  if (fd_ >= 0) return absl::OkStatus();
  const int standard = StandardStream(path_);
  // A duplicate, not a fresh opening: that would have a position of its own in a redirected file,
  // and is refused for sockets, such as the journal's. Without O_NONBLOCK a pipe without a reader
  // would hold us up here.
  fd_ = standard >= 0
            ? fcntl(standard, F_DUPFD_CLOEXEC, 0)
            : open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                   S_IRUSR | S_IWUSR | S_IRGRP);
  if (fd_ < 0) {
    Fail("cannot open", errno);
    return status_;
  }
  struct stat info;
  may_stall_ = fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode);
  return absl::OkStatus();
}

void LogOutput::Append(absl::string_view first, absl::string_view second, int64_t now_ns) {
  if (waiting_.size() + first.size() + second.size() > kMaxWaiting) {
    ++dropped_;
    return;
  }
  waiting_.append(first.data(), first.size());
  waiting_.append(second.data(), second.size());
  if (waiting_.size() >= kWriteBytes && !is_stalled_) Flush(now_ns, /*retry=*/false);
}

void LogOutput::Flush(int64_t now_ns, bool retry) {
  if (waiting_.empty()) return;
  if (!status_.ok() && !retry && now_ns < retry_at_ns_) return;
  const uint64_t errors_before = errors_;
  const size_t written = Open().ok() ? Write() : 0;
  if (errors_ == errors_before) {
    status_ = absl::OkStatus();
  } else {
    retry_at_ns_ = now_ns + kRetryNs;
  }
  if (written > 0) {
    const auto end = waiting_.begin() + static_cast<ptrdiff_t>(written);
    lines_ += static_cast<uint64_t>(std::count(waiting_.begin(), end, '\n'));
    is_in_line_ = end[-1] != '\n';
    waiting_.erase(waiting_.begin(), end);
  }
  is_stalled_ = !waiting_.empty();
  // A pipe whose reader is gone stays so; the path may lead to a new one.
  if (!status_.ok() && may_stall_) Close();
}

// Returns the bytes that were written: fewer than all after a failure, or if a pipe is full.
size_t LogOutput::Write() {
  size_t written = 0;
  while (written < waiting_.size()) {
    size_t size = waiting_.size() - written;
    if (may_stall_) {
      if (!IsWritable(fd_)) break;
      size = std::min(size, kPipeBytes);
    }
    const ssize_t result = write(fd_, waiting_.data() + written, size);
    if (result > 0) {
      written += static_cast<size_t>(result);
    } else if (result < 0 && errno == EAGAIN) {
      break;
    } else if (result < 0 && errno != EINTR) {
      Fail("cannot write", errno);
      break;
    }
  }
  return written;
}

void LogOutput::Reopen(int64_t now_ns) {
  if (StandardStream(path_) >= 0) return;
  Flush(now_ns, /*retry=*/true);
  Close();
}

void LogOutput::Abandon() {
  dropped_ += static_cast<uint64_t>(std::count(waiting_.begin(), waiting_.end(), '\n'));
  waiting_.clear();
  is_in_line_ = false;
}

}  // namespace sluice::observe
