#include "controlplane/store/sqlite/data_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"

namespace sluice::store {
namespace {

// With the directories above it.
absl::Status MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return absl::OkStatus();
  const size_t slash = path.rfind('/');
  if (errno != ENOENT || slash == std::string::npos || slash == 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("data directory \"", path, "\""));
  }
  RETURN_IF_ERROR(MakeDirectory(path.substr(0, slash)));
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("data directory \"", path, "\""));
}

std::string ReadPid(int fd) {
  char text[32];
  const ssize_t size = pread(fd, text, sizeof(text), 0);
  if (size <= 0) return "unknown";
  return std::string(absl::StripSuffix(absl::string_view(text, static_cast<size_t>(size)), "\n"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<DataDir>> DataDir::Lock(const std::string& path) {
  RETURN_IF_ERROR(MakeDirectory(path));
  const std::string file = path + "/lock";
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, file);
  std::unique_ptr<DataDir> dir(new DataDir(fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return absl::ErrnoToStatus(errno, file);
    return absl::FailedPreconditionError(
        absl::StrCat("data directory \"", path, "\": in use by pid ", ReadPid(fd)));
  }
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    return absl::ErrnoToStatus(errno, file);
  }
  return dir;
}

DataDir::~DataDir() { close(fd_); }

}  // namespace sluice::store
