// The directory in which one proxy keeps what survives it: opened and locked by one process at a
// time.
//
// Files in it are readable by the owner only: they hold keys and other secrets of the
// configuration.
//
// The lock belongs to an open file, of which a successor is handed a descriptor: it is never free
// between two processes that follow one another.
//
// Thread: any; immutable. Destroying it gives the lock up, unless another process has it too.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::sync {

class StateDirectory {
 public:
  // Makes the directory if it is not there.
  //   FAILED_PRECONDITION  another process has it: "in use by pid N"
  //   else                 what the system says of the path
  static absl::StatusOr<std::unique_ptr<StateDirectory>> Open(const std::string& path);
  // With the lock that the process before hands over. FAILED_PRECONDITION if it is none of this
  // directory's.
  static absl::StatusOr<std::unique_ptr<StateDirectory>> Inherit(const std::string& path,
                                                                 int lock_fd);
  // A packet socket connected to the one that the process which has `path` listens on under this
  // name. The descriptor is the caller's; UNAVAILABLE if nobody does.
  static absl::StatusOr<int> Connect(const std::string& path, absl::string_view name);
  ~StateDirectory();
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

  const std::string& path() const { return path_; }

  // Opens a file with `flags` of open(2), mode 0600. The descriptor is the caller's.
  absl::StatusOr<int> OpenFile(absl::string_view name, int flags) const;
  // A listening socket of type SOCK_STREAM or SOCK_SEQPACKET with this name, which only the owner
  // may use; non-blocking. One that an earlier process left is replaced. The descriptor is the
  // caller's.
  absl::StatusOr<int> ListenOn(absl::string_view name, int type) const;
  // Of the open file to which the lock belongs.
  int lock_fd() const { return lock_fd_; }
  // Names this process as the one that has the directory, for whoever finds it taken.
  void WriteOwner() const;
  // Puts `from` in the place of `to`, so that after a power loss there is one or the other.
  absl::Status Rename(absl::string_view from, absl::string_view to) const;
  void Remove(absl::string_view name) const;
  // Whether `bytes` more would fit and can be written.
  bool HasRoomFor(uint64_t bytes) const;

 private:
  StateDirectory(std::string path, int fd, int lock_fd)
      : path_(std::move(path)), fd_(fd), lock_fd_(lock_fd) {}

  const std::string path_;
  const int fd_;
  const int lock_fd_;
};

// "PATH/NAME: what errno says".
absl::Status FileError(const StateDirectory& directory, absl::string_view name);

}  // namespace sluice::sync
