// The programs' own log: one line an event, on standard error.
//
//   LOG(INFO) << "listening on " << address;
//   2026-11-20T10:11:12.123Z I listening on 127.0.0.1:9400
//
// Not the access log. Not for the request path: a line is a system call.
// Thread: any; lines never mix.
#pragma once

#include <optional>
#include <sstream>

#include "absl/strings/string_view.h"

namespace sluice {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Lines below the level are not formatted. Default: info.
void SetLogLevel(LogLevel level);
LogLevel GetLogLevel();

// "debug", "info", "warning" or "error".
std::optional<LogLevel> ParseLogLevel(absl::string_view name);
absl::string_view LogLevelName(LogLevel level);

// One line, written when it goes out of scope.
class LogLine {
 public:
  explicit LogLine(LogLevel level) : level_(level) {}
  ~LogLine();
  LogLine(const LogLine&) = delete;
  LogLine& operator=(const LogLine&) = delete;

  std::ostream& stream() { return text_; }

 private:
  const LogLevel level_;
  std::ostringstream text_;
};

}  // namespace sluice

#define SLUICE_LOG_DEBUG ::sluice::LogLevel::kDebug
#define SLUICE_LOG_INFO ::sluice::LogLevel::kInfo
#define SLUICE_LOG_WARNING ::sluice::LogLevel::kWarning
#define SLUICE_LOG_ERROR ::sluice::LogLevel::kError

#define LOG(level)                                    \
  if (SLUICE_LOG_##level < ::sluice::GetLogLevel()) { \
  } else                                              \
    ::sluice::LogLine(SLUICE_LOG_##level).stream()
