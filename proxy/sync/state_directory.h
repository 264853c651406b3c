// The directory in which one proxy keeps what survives it: opened and locked by one process at a
// time.
//
// Files in it are readable by the owner only: they hold keys and other secrets of the
// configuration.
//
// Thread: any; immutable. Destroying it gives the lock up.
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
  ~StateDirectory();
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

  const std::string& path() const { return path_; }

  // Opens a file with `flags` of open(2), mode 0600. The descriptor is the caller's.
  absl::StatusOr<int> OpenFile(absl::string_view name, int flags) const;
  // A listening stream socket with this name, which only the owner may use; non-blocking. One that
  // an earlier process left is replaced. The descriptor is the caller's.
  absl::StatusOr<int> ListenOn(absl::string_view name) const;
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
