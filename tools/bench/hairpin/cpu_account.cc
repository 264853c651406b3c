#include "tools/bench/hairpin/cpu_account.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sluice::hairpin {
namespace {

struct Process {
  pid_t parent = 0;
  uint64_t ticks = 0;
};

std::optional<Process> ReadStat(const std::string& pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  // The name in parentheses may hold anything; the fields after it are numbers. Field 4 of proc(5)
  // is the parent, 14 to 17 are utime, stime, cutime and cstime; the first one here is 3.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(text).substr(name_end + 2), ' ');
  if (fields.size() < 15) return std::nullopt;
  Process process;
  if (!absl::SimpleAtoi(fields[1], &process.parent)) return std::nullopt;
  for (size_t i = 11; i < 15; ++i) {
    uint64_t ticks = 0;
    if (absl::SimpleAtoi(fields[i], &ticks)) process.ticks += ticks;
  }
  return process;
}

std::map<pid_t, Process> ReadAll() {
  std::map<pid_t, Process> processes;
  DIR* directory = opendir("/proc");
  if (directory == nullptr) return processes;
  while (const dirent* entry = readdir(directory)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry->d_name, &pid)) continue;
    if (const auto process = ReadStat(entry->d_name)) processes[pid] = *process;
  }
  closedir(directory);
  return processes;
}

bool Descends(const std::map<pid_t, Process>& processes, pid_t pid, absl::Span<const pid_t> roots) {
  while (pid > 1) {
    if (std::find(roots.begin(), roots.end(), pid) != roots.end()) return true;
    const auto found = processes.find(pid);
    if (found == processes.end()) return false;
    pid = found->second.parent;
  }
  return false;
}

}  // namespace

uint64_t CpuMicros(absl::Span<const pid_t> roots) {
  if (roots.empty()) return 0;
  const std::map<pid_t, Process> processes = ReadAll();
  uint64_t ticks = 0;
  for (const auto& [pid, process] : processes) {
    if (Descends(processes, pid, roots)) ticks += process.ticks;
  }
  return ticks * 1'000'000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
}

}  // namespace sluice::hairpin
