// The data directory, held by one process at a time.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace sluice::store {

// Holds the lock of a directory for as long as it lives. The kernel drops it with the process,
// however that ends.
class DataDir {
 public:
  // Creates the directory (for its owner only) if it is not there.
  //   FAILED_PRECONDITION  "in use by pid N"
  //   others               as the system says
  static absl::StatusOr<std::unique_ptr<DataDir>> Lock(const std::string& path);
  ~DataDir();
  DataDir(const DataDir&) = delete;
  DataDir& operator=(const DataDir&) = delete;

 private:
  explicit DataDir(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace sluice::store
