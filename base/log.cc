#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace sluice {
namespace {

// The level is the one mutable global: every line of every thread needs it, and threading it
// through every constructor would put it into interfaces that have nothing to do with logging.
std::atomic<LogLevel> log_level{LogLevel::kInfo};

constexpr absl::string_view kNames[] = {"debug", "info", "warning", "error"};
constexpr char kLetters[] = {'D', 'I', 'W', 'E'};

}  // namespace

void SetLogLevel(LogLevel level) { log_level.store(level, std::memory_order_relaxed); }

LogLevel GetLogLevel() { return log_level.load(std::memory_order_relaxed); }

std::optional<LogLevel> ParseLogLevel(absl::string_view name) {
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

absl::string_view LogLevelName(LogLevel level) { return kNames[static_cast<size_t>(level)]; }

LogLine::~LogLine() {
  // A line break inside would let what a peer sent forge a line of its own.
  std::string text = text_.str();
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  const std::string line =
      absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone()), " ",
                   std::string(1, kLetters[static_cast<size_t>(level_)]), " ", text, "\n");
  // One write a line: lines of several threads never mix. A full or closed stderr loses the line.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace sluice
