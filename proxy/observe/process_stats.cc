#include "proxy/observe/process_stats.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace sluice::observe {

namespace {

std::string ReadFile(const char* path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

double Value(const std::vector<absl::string_view>& fields, size_t index) {
  double value = 0;
  if (index < fields.size() && !absl::SimpleAtod(fields[index], &value)) value = 0;
  return value;
}

// When the machine started; 0 if unknown.
double BootTime() {
  const std::string stat = ReadFile("/proc/stat");
  const size_t line = stat.find("\nbtime ");
  if (line == std::string::npos) return 0;
  return Value(absl::StrSplit(stat.substr(line + 7), '\n'), 0);
}

}  // namespace

void UpdateProcessStats(MetricRegistry& registry) {
  const std::string stat = ReadFile("/proc/self/stat");
  // The program's name is in parentheses and may hold anything; field 3 follows the last one.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(stat).substr(name_end + 1), ' ', absl::SkipEmpty());
  const auto field = [&](size_t number) { return Value(fields, number - 3); };
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  registry.Set(ProcessMetric::kCpuSeconds, (field(14) + field(15)) / ticks);
  registry.Set(ProcessMetric::kResidentMemory,
               field(24) * static_cast<double>(sysconf(_SC_PAGESIZE)));
  if (registry.Get(ProcessMetric::kStartTime) == 0) {
    registry.Set(ProcessMetric::kStartTime, BootTime() + field(22) / ticks);
  }
}

}  // namespace sluice::observe
