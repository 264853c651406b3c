#include "proxy/server/overload/memory_limit.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sluice::server {
namespace {

// What version 1 says where there is no limit is a number beyond any memory.
constexpr uint64_t kNoLimit = uint64_t{1} << 60;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

std::optional<uint64_t> ReadNumber(const std::string& path) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(ReadFile(path), &number)) return std::nullopt;  // Also "max".
  return number;
}

// The value of "NAME VALUE" in the lines of a file; 0 if it is not there.
uint64_t ReadField(const std::string& text, absl::string_view name) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    uint64_t value = 0;
    if (words.size() >= 2 && words[0] == name && absl::SimpleAtoi(words[1], &value)) return value;
  }
  return 0;
}

uint64_t PageBytes() { return static_cast<uint64_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

MemoryLimit::MemoryLimit(uint64_t fixed, const std::string& root) : root_(root) {
  if (fixed > 0) {
    bytes_ = fixed;
    source_ = "--memory-limit";
    return;
  }
  bytes_ = ReadField(ReadFile(root_ + "/proc/meminfo"), "MemTotal:") * 1024;
  source_ = "the machine";
  // "0::/PATH" of version 2; "4:memory:/PATH" of version 1.
  for (absl::string_view line : absl::StrSplit(ReadFile(root_ + "/proc/self/cgroup"), '\n')) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    if (parts[1].empty()) FindInGroups(parts[2], root_ + "/sys/fs/cgroup", true);
    for (absl::string_view controller : absl::StrSplit(parts[1], ',')) {
      if (controller == "memory") FindInGroups(parts[2], root_ + "/sys/fs/cgroup/memory", false);
    }
  }
}

void MemoryLimit::FindInGroups(const std::string& self, const std::string& mount, bool is_v2) {
  // The group's own and all above: the least binds. In a container the path may be one of the host
  // that is not seen here; then what is mounted is the container's own.
  for (std::string path = self;; path = path.substr(0, path.rfind('/'))) {
    const std::string group = path == "/" ? mount : mount + path;
    if (is_v2) {
      Consider(group + "/memory.max", group, is_v2);
      Consider(group + "/memory.high", group, is_v2);
    } else {
      Consider(group + "/memory.limit_in_bytes", group, is_v2);
    }
    if (path.empty() || path == "/" || path.rfind('/') == std::string::npos) return;
  }
}

void MemoryLimit::Consider(const std::string& path, const std::string& group, bool is_v2) {
  const std::optional<uint64_t> limit = ReadNumber(path);
  if (!limit.has_value() || *limit >= kNoLimit || *limit == 0) return;
  if (bytes_ != 0 && *limit >= bytes_) return;
  bytes_ = *limit;
  source_ = path.substr(root_.size());
  group_ = group;
  is_v2_ = is_v2;
}

uint64_t MemoryLimit::ReadUsed() const {
  const std::string text = ReadFile(root_ + "/proc/self/statm");
  const std::vector<absl::string_view> pages = absl::StrSplit(text, ' ');
  uint64_t resident = 0;
  if (pages.size() < 2 || !absl::SimpleAtoi(pages[1], &resident)) resident = 0;
  return std::max(resident * PageBytes(), ReadUsedOfGroup());
}

uint64_t MemoryLimit::ReadUsedOfGroup() const {
  if (group_.empty()) return 0;
  const uint64_t all =
      ReadNumber(group_ + (is_v2_ ? "/memory.current" : "/memory.usage_in_bytes")).value_or(0);
  const std::string stat = ReadFile(group_ + "/memory.stat");
  // Pages of files are dropped before anybody is killed.
  const std::string prefix = is_v2_ ? "" : "total_";
  const uint64_t files =
      ReadField(stat, prefix + "active_file") + ReadField(stat, prefix + "inactive_file");
  return all > files ? all - files : 0;
}

}  // namespace sluice::server
