// The language of access-log lines: text with operators in percent signs.
//
//   [%START_TIME%] "%REQ(:METHOD)% %REQ(:PATH)%" %RESPONSE_CODE% "%REQ(USER-AGENT):100%"
//
// This parses and checks; proxy/observe prints. It is in base because both the validation of a
// Listener, which may not know the proxy, and the proxy need it.
//
// Operators are Envoy's where Envoy has them. They are listed in log_format.cc, the only table of
// them, from which docs/reference/access-log.md is generated.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice {

// What an operator prints.
enum class LogField : uint8_t {
  kStartTime,
  kRequestHeader,
  kResponseHeader,
  kMethod,
  kPath,
  kAuthority,
  kScheme,
  kProtocol,
  kResponseCode,
  kResponseCodeDetails,
  kResponseFlags,
  kBytesReceived,
  kBytesSent,
  kDuration,
  kRequestDuration,
  kResponseDuration,
  kRemoteAddress,
  kRemoteIp,
  kRemotePort,
  kDirectRemoteAddress,
  kDirectRemoteIp,
  kLocalAddress,
  kLocalIp,
  kLocalPort,
  kConnectionId,
  kRequestId,
  kListener,
  kRoute,
  kConsumer,
  kUpstream,
  kUpstreamHost,
  kUpstreamTransportFailure,
  kAttempts,
  kGeneration,
  kNode,
  kHostname,
  kTlsVersion,
  kTlsCipher,
  kServerName,
  kPeerSubject,
  kPeerIssuer,
  kPeerSerial,
  kPeerSha256,
  kPeerDns,
  kPeerUri,
  kProxyTlv,
};

enum class LogArgument : uint8_t {
  kNone,
  kHeader,  // Required: NAME, or NAME?ALTERNATIVE which is printed where NAME is missing.
  kTime,    // Optional: a format of time.
  kUnit,    // Optional: s, ms or us.
  kTlv,     // Required: a name, or 0x and a number of two digits.
};

// A row of the table of operators.
struct LogOperatorInfo {
  absl::string_view name;  // "RESPONSE_CODE"
  LogField field;
  LogArgument argument;
  bool is_number;  // Unquoted in JSON.
  absl::string_view meaning;
};
std::span<const LogOperatorInfo> LogOperators();

struct LogSource {
  LogField field = LogField::kRequestHeader;
  std::string header;  // In lower case; of the two kinds of headers only.
  uint8_t tlv = 0;     // Its type; of kProxyTlv only.
};

// One operator of a template.
struct LogOperator {
  LogSource source;
  std::optional<LogSource> alternative;
  std::string argument;               // Of kTime and kUnit; empty: the default.
  std::optional<uint32_t> max_bytes;  // ":100" behind it.
  bool is_number = false;
};

// Either literal text or an operator.
struct LogPiece {
  std::string literal;
  std::optional<LogOperator> op;
};

// A member of a JSON line. One operator alone keeps its type; anything else is a string.
struct LogMember {
  std::string name;
  std::vector<LogPiece> value;
};

inline constexpr size_t kMaxLogTemplate = 4096;
inline constexpr size_t kMaxLogMembers = 64;
inline constexpr size_t kMaxLogMemberName = 128;

// INVALID_ARGUMENT says what is wrong, where, and what was probably meant.
absl::StatusOr<std::vector<LogPiece>> ParseLogTemplate(absl::string_view text);
// By name, as in Listener.access_log.fields. Names and templates together have the limit of one
// template.
absl::StatusOr<std::vector<LogMember>> ParseLogMembers(
    const std::map<std::string, std::string>& fields);

// What is used where the configuration says nothing.
inline constexpr absl::string_view kDefaultLogTemplate =
    "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% - %CONSUMER% [%START_TIME(%d/%b/%Y:%H:%M:%S %z)%] "
    "\"%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%\" %RESPONSE_CODE% %BYTES_SENT% \"%REQ(REFERER)%\" "
    "\"%REQ(USER-AGENT)%\" %DURATION% %ROUTE% %UPSTREAM_HOST% %RESPONSE_FLAGS% "
    "%RESPONSE_CODE_DETAILS%";
std::span<const std::pair<absl::string_view, absl::string_view>> DefaultLogMembers();

// The default of START_TIME.
inline constexpr absl::string_view kDefaultLogTime = "%Y-%m-%dT%H:%M:%S.%3fZ";

// The conversions of a time format, each a letter or, for fractions of a second, a digit and f.
inline constexpr absl::string_view kLogTimeLetters = "YmdHMSyFTbaejszZ%f";

}  // namespace sluice
