#include "proxy/sync/state_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace sluice::sync {
namespace {

constexpr const char* kLockFile = "lock";
constexpr const char* kProbeFile = "probe";
constexpr int kSocketBacklog = 16;

absl::Status Error(absl::string_view path, int error) {
  const std::string text = absl::StrCat(path, ": ", std::generic_category().message(error));
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(text);
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(text);
  return absl::FailedPreconditionError(text);
}

// Every missing directory of `path`. An error shows when the last is opened.
void MakeDirectories(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    mkdir(path.substr(0, slash).c_str(), 0755);
  }
  mkdir(path.c_str(), 0700);
}

std::string ReadPid(int fd) {
  char text[16];
  const ssize_t n = pread(fd, text, sizeof(text), 0);
  if (n <= 0) return "of another process";
  return std::string(absl::StripAsciiWhitespace(absl::string_view(text, static_cast<size_t>(n))));
}

// flock() rather than fcntl(): the lock belongs to the open file, so that closing another
// descriptor of it does not give it up.
absl::StatusOr<int> Lock(int directory, const std::string& path) {
  const int fd = openat(directory, kLockFile, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Error(absl::StrCat(path, "/", kLockFile), errno);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    const std::string pid = ReadPid(fd);
    close(fd);
    if (error != EWOULDBLOCK) return Error(absl::StrCat(path, "/", kLockFile), error);
    return absl::FailedPreconditionError(
        absl::StrCat("state directory ", path, ": in use by pid ", pid));
  }
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    // The lock holds without the number, which only serves whoever finds it taken.
    return fd;
  }
  return fd;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StateDirectory>> StateDirectory::Open(const std::string& path) {
  MakeDirectories(path);
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Error(absl::StrCat("state directory ", path), errno);
  absl::StatusOr<int> lock = Lock(fd, path);
  if (!lock.ok()) {
    close(fd);
    return lock.status();
  }
  return std::unique_ptr<StateDirectory>(new StateDirectory(path, fd, *lock));
}

StateDirectory::~StateDirectory() {
  close(lock_fd_);
  close(fd_);
}

absl::StatusOr<int> StateDirectory::OpenFile(absl::string_view name, int flags) const {
  const int fd = openat(fd_, std::string(name).c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) return FileError(*this, name);
  return fd;
}

absl::StatusOr<int> StateDirectory::ListenOn(absl::string_view name) const {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  // The path may be longer than an address of a socket.
  const std::string path = absl::StrCat("/proc/self/fd/", fd_, "/", name);
  if (path.size() >= sizeof(address.sun_path)) {
    errno = ENAMETOOLONG;
    return FileError(*this, name);
  }
  path.copy(address.sun_path, path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return FileError(*this, name);
  Remove(name);
  // The file takes the mode that the socket has: at no time may others connect.
  const bool is_ready =
      fchmod(fd, 0600) == 0 &&
      bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      listen(fd, kSocketBacklog) == 0;
  if (is_ready) return fd;
  absl::Status status = FileError(*this, name);
  close(fd);
  return status;
}

absl::Status StateDirectory::Rename(absl::string_view from, absl::string_view to) const {
  if (renameat(fd_, std::string(from).c_str(), fd_, std::string(to).c_str()) != 0) {
    return FileError(*this, from);
  }
  return fsync(fd_) == 0 ? absl::OkStatus() : FileError(*this, to);
}

void StateDirectory::Remove(absl::string_view name) const {
  unlinkat(fd_, std::string(name).c_str(), 0);
}

bool StateDirectory::HasRoomFor(uint64_t bytes) const {
  struct statvfs room;
  if (fstatvfs(fd_, &room) != 0 || room.f_bavail * room.f_frsize < bytes) return false;
  // Quotas, a read-only mount and broken disks only show when something is written.
  absl::StatusOr<int> fd = OpenFile(kProbeFile, O_WRONLY | O_CREAT | O_TRUNC);
  if (!fd.ok()) return false;
  const char page[4096] = {};
  const bool is_written = write(*fd, page, sizeof(page)) == sizeof(page);
  close(*fd);
  Remove(kProbeFile);
  return is_written;
}

absl::Status FileError(const StateDirectory& directory, absl::string_view name) {
  return Error(absl::StrCat(directory.path(), "/", name), errno);
}

}  // namespace sluice::sync
