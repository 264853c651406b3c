// How much memory this process may take, and how much is taken of that.
//
// The limit of the control group that it is in, or of one above: beyond it the kernel kills.
// Without one, what the machine has; then only this process's own share counts, since what others
// take is not its to mend.
//
// Thread: one. Reads files of the kernel: about 50 us a reading.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::server {

class MemoryLimit {
 public:
  // `fixed`: the limit in bytes, whatever the kernel says; 0: as the kernel says. `root`: where the
  // kernel's files are, "" but in tests.
  explicit MemoryLimit(uint64_t fixed, const std::string& root = "");

  uint64_t bytes() const { return bytes_; }
  // Where it comes from: "--memory-limit", a file of a control group, or "the machine".
  const std::string& source() const { return source_; }

  // Taken now: what is resident here, or in the control group without what the kernel may drop,
  // whichever is more.
  uint64_t ReadUsed() const;

 private:
  void FindInGroups(const std::string& self, const std::string& mount, bool is_v2);
  void Consider(const std::string& path, const std::string& group, bool is_v2);
  uint64_t ReadUsedOfGroup() const;

  const std::string root_;
  uint64_t bytes_ = 0;
  std::string source_;
  std::string group_;  // The folder of the control group whose limit it is; empty: none.
  bool is_v2_ = false;
};

}  // namespace sluice::server
