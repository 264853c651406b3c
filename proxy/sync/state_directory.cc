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
  return fd;
}

// Fills `address` with a name in the directory that is open as `directory`: the path itself may be
// longer than an address of a socket. False if it does not fit.
bool AddressOf(int directory, absl::string_view name, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  const std::string path = absl::StrCat("/proc/self/fd/", directory, "/", name);
  if (path.size() >= sizeof(address.sun_path)) return false;
  path.copy(address.sun_path, path.size());
  return true;
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
  std::unique_ptr<StateDirectory> directory(new StateDirectory(path, fd, *lock));
  directory->WriteOwner();
  return directory;
}

absl::StatusOr<std::unique_ptr<StateDirectory>> StateDirectory::Inherit(const std::string& path,
                                                                        int lock_fd) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    close(lock_fd);
    return Error(absl::StrCat("state directory ", path), errno);
  }
  std::unique_ptr<StateDirectory> directory(new StateDirectory(path, fd, lock_fd));
  struct stat handed, present;
  if (fstat(lock_fd, &handed) != 0 || fstatat(fd, kLockFile, &present, 0) != 0 ||
      handed.st_dev != present.st_dev || handed.st_ino != present.st_ino) {
    return absl::FailedPreconditionError(
        absl::StrCat("state directory ", path, ": its lock is not the one that was handed over"));
  }
  return directory;
}

absl::StatusOr<int> StateDirectory::Connect(const std::string& path, absl::string_view name) {
  const int directory = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  sockaddr_un address;
  const bool is_connected =
      directory >= 0 && fd >= 0 && AddressOf(directory, name, address) &&
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  const int error = errno;
  if (directory >= 0) close(directory);
  if (is_connected) return fd;
  if (fd >= 0) close(fd);
  return absl::UnavailableError(
      absl::StrCat(path, "/", name, ": ", std::generic_category().message(error)));
}

void StateDirectory::WriteOwner() const {
  const std::string pid = absl::StrCat(getpid(), "\n");
  // The lock holds without the number, which only serves whoever finds it taken.
  if (ftruncate(lock_fd_, 0) != 0 || pwrite(lock_fd_, pid.data(), pid.size(), 0) < 0) return;
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

absl::StatusOr<int> StateDirectory::ListenOn(absl::string_view name, int type) const {
  sockaddr_un address;
  if (!AddressOf(fd_, name, address)) {
    errno = ENAMETOOLONG;
    return FileError(*this, name);
  }
  const int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
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
