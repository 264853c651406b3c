#include "tools/fleetsim/proc.h"

#include <unistd.h>

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace sluice::fleetsim {

absl::Duration CpuTimeOf(const std::string& pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string line;
  std::getline(file, line);
  // The second field is the program's name in parentheses and may hold anything.
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return absl::ZeroDuration();
  std::istringstream rest(line.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) rest >> skipped;
  int64_t user = 0;
  int64_t system = 0;
  rest >> user >> system;
  return absl::Seconds(user + system) / sysconf(_SC_CLK_TCK);
}

uint64_t MemoryOf(const std::string& pid, const std::string& field) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  std::string name;
  while (file >> name) {
    uint64_t kib = 0;
    if (name == field + ":" && file >> kib) return kib * 1024;
    std::getline(file, name);
  }
  return 0;
}

uint64_t LoopbackBytes() {
  std::ifstream file("/proc/net/dev");
  std::string name;
  while (file >> name) {
    uint64_t received = 0;
    if (name == "lo:" && file >> received) return received;
    std::getline(file, name);
  }
  return 0;
}

}  // namespace sluice::fleetsim
