#include "base/log_format.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/nearest.h"
#include "base/status_macros.h"

namespace sluice {

namespace {

using A = LogArgument;
using F = LogField;

constexpr LogOperatorInfo kOperators[] = {
    {"START_TIME", F::kStartTime, A::kTime, false,
     "When the first byte of the request came, in UTC."},
    {"REQ", F::kRequestHeader, A::kHeader, false,
     "A request header as the client sent it; also :METHOD, :PATH (with the query), :AUTHORITY, "
     ":SCHEME."},
    {"RESP", F::kResponseHeader, A::kHeader, false, "A response header as sent to the client."},
    {"PROTOCOL", F::kProtocol, A::kNone, false, "HTTP/1.0, HTTP/1.1 or HTTP/2."},
    {"RESPONSE_CODE", F::kResponseCode, A::kNone, true, "Status sent to the client."},
    {"RESPONSE_CODE_DETAILS", F::kResponseCodeDetails, A::kNone, false,
     "Why the response is what it is (docs/reference/errors.md)."},
    {"RESPONSE_FLAGS", F::kResponseFlags, A::kNone, false,
     "What went wrong, in short (docs/reference/errors.md)."},
    {"BYTES_RECEIVED", F::kBytesReceived, A::kNone, true, "Bytes of the request's body."},
    {"BYTES_SENT", F::kBytesSent, A::kNone, true, "Bytes of the response's body."},
    {"DURATION", F::kDuration, A::kUnit, true,
     "From the first byte of the request to the last of the response."},
    {"REQUEST_DURATION", F::kRequestDuration, A::kUnit, true,
     "From the first byte of the request to its last."},
    {"RESPONSE_DURATION", F::kResponseDuration, A::kUnit, true,
     "From the first byte of the request to the first of the upstream's response."},
    {"DOWNSTREAM_REMOTE_ADDRESS", F::kRemoteAddress, A::kNone, false,
     "The client's address; behind trusted proxies, as they name it."},
    {"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", F::kRemoteIp, A::kNone, false, "Likewise."},
    {"DOWNSTREAM_REMOTE_PORT", F::kRemotePort, A::kNone, true, "Likewise."},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS", F::kDirectRemoteAddress, A::kNone, false,
     "The address of the connection's peer."},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", F::kDirectRemoteIp, A::kNone, false,
     "Likewise."},
    {"DOWNSTREAM_LOCAL_ADDRESS", F::kLocalAddress, A::kNone, false,
     "The address to which the client connected."},
    {"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", F::kLocalIp, A::kNone, false, "Likewise."},
    {"DOWNSTREAM_LOCAL_PORT", F::kLocalPort, A::kNone, true, "Likewise."},
    {"CONNECTION_ID", F::kConnectionId, A::kNone, true,
     "A number of the client's connection, unique in the process."},
    {"REQUEST_ID", F::kRequestId, A::kNone, false, "The request's X-Request-Id."},
    {"LISTENER", F::kListener, A::kNone, false, "Name of the Listener."},
    {"ROUTE", F::kRoute, A::kNone, false, "Name of the Route that served the request."},
    {"CONSUMER", F::kConsumer, A::kNone, false, "Name of the Consumer who called."},
    {"UPSTREAM_CLUSTER", F::kUpstream, A::kNone, false, "Name of the Upstream."},
    {"UPSTREAM_HOST", F::kUpstreamHost, A::kNone, false, "Address of the endpoint, with port."},
    {"UPSTREAM_TRANSPORT_FAILURE_REASON", F::kUpstreamTransportFailure, A::kNone, false,
     "Why TLS to that endpoint failed, such as certificate_has_expired or name_mismatch."},
    {"UPSTREAM_REQUEST_ATTEMPT_COUNT", F::kAttempts, A::kNone, true,
     "How often the request was sent to endpoints; 0 if the proxy answered."},
    {"GENERATION", F::kGeneration, A::kNone, true,
     "Number of the configuration that served the request."},
    {"NODE", F::kNode, A::kNone, false, "The proxy's --node."},
    {"HOSTNAME", F::kHostname, A::kNone, false, "The machine's name."},
    {"DOWNSTREAM_TLS_VERSION", F::kTlsVersion, A::kNone, false, "TLSv1.2 or TLSv1.3."},
    {"DOWNSTREAM_TLS_CIPHER", F::kTlsCipher, A::kNone, false,
     "The cipher suite, as RFC 8446 names it."},
    {"REQUESTED_SERVER_NAME", F::kServerName, A::kNone, false,
     "The name that the client asked for in TLS (SNI)."},
    {"DOWNSTREAM_PEER_SUBJECT", F::kPeerSubject, A::kNone, false,
     "Subject of the client's certificate."},
    {"DOWNSTREAM_PEER_ISSUER", F::kPeerIssuer, A::kNone, false, "Its issuer."},
    {"DOWNSTREAM_PEER_SERIAL", F::kPeerSerial, A::kNone, false,
     "Its serial number, in hexadecimal."},
    {"DOWNSTREAM_PEER_FINGERPRINT_256", F::kPeerSha256, A::kNone, false,
     "Its SHA-256, in hexadecimal."},
    {"DOWNSTREAM_PEER_DNS_SAN", F::kPeerDns, A::kNone, false,
     "Its DNS names, with commas between."},
    {"DOWNSTREAM_PEER_URI_SAN", F::kPeerUri, A::kNone, false, "Its URIs, with commas between."},
    {"PROXY_PROTOCOL_TLV", F::kProxyTlv, A::kTlv, false,
     "What a balancer in front says by version 2 of the PROXY protocol "
     "(docs/guide/proxy-protocol.md): alpn, authority, unique_id, netns, ssl_version, ssl_cn, "
     "ssl_cipher, ssl_sig_alg, ssl_key_alg, or any type by its number."},
};

constexpr std::pair<absl::string_view, absl::string_view> kDefaultMembers[] = {
    {"time", "%START_TIME%"},
    {"node", "%NODE%"},
    {"listener", "%LISTENER%"},
    {"request_id", "%REQUEST_ID%"},
    {"client", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"},
    {"consumer", "%CONSUMER%"},
    {"method", "%REQ(:METHOD)%"},
    {"authority", "%REQ(:AUTHORITY)%"},
    {"path", "%REQ(:PATH)%"},
    {"protocol", "%PROTOCOL%"},
    {"user_agent", "%REQ(USER-AGENT)%"},
    {"route", "%ROUTE%"},
    {"upstream", "%UPSTREAM_CLUSTER%"},
    {"endpoint", "%UPSTREAM_HOST%"},
    {"attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"},
    {"status", "%RESPONSE_CODE%"},
    {"flags", "%RESPONSE_FLAGS%"},
    {"details", "%RESPONSE_CODE_DETAILS%"},
    {"bytes_received", "%BYTES_RECEIVED%"},
    {"bytes_sent", "%BYTES_SENT%"},
    {"duration_ms", "%DURATION%"},
    {"generation", "%GENERATION%"},
};

constexpr std::pair<absl::string_view, LogField> kPseudoHeaders[] = {
    {":method", F::kMethod},
    {":path", F::kPath},
    {":authority", F::kAuthority},
    {":scheme", F::kScheme},
};

// Of HAProxy's doc/proxy-protocol.txt, section 2.2; those of TLS without their common "subtype".
constexpr std::pair<absl::string_view, uint8_t> kTlvs[] = {
    {"alpn", 0x01},        {"authority", 0x02},   {"unique_id", 0x05},
    {"ssl_version", 0x21}, {"ssl_cn", 0x22},      {"ssl_cipher", 0x23},
    {"ssl_sig_alg", 0x24}, {"ssl_key_alg", 0x25}, {"netns", 0x30},
};

bool IsHeaderName(absl::string_view name) {
  constexpr absl::string_view kTokenMarks = "!#$%&'*+-.^_`|~";
  for (const char c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) &&
        kTokenMarks.find(c) == absl::string_view::npos) {
      return false;
    }
  }
  return !name.empty();
}

// Reads a template from the left.
class TemplateParser {
 public:
  explicit TemplateParser(absl::string_view text) : text_(text) {}

  absl::StatusOr<std::vector<LogPiece>> Parse() {
    if (text_.size() > kMaxLogTemplate) {
      return absl::InvalidArgumentError(
          absl::StrCat("must have at most ", kMaxLogTemplate, " bytes, got ", text_.size()));
    }
    while (pos_ < text_.size()) {
      RETURN_IF_ERROR(text_[pos_] == '%' ? ParsePercent() : ParseLiteral());
    }
    return std::move(pieces_);
  }

 private:
  absl::Status Error(absl::string_view problem) const {
    return absl::InvalidArgumentError(absl::StrCat("at byte ", start_ + 1, ": ", problem));
  }

  void AppendLiteral(absl::string_view text) {
    if (pieces_.empty() || pieces_.back().op.has_value()) pieces_.emplace_back();
    absl::StrAppend(&pieces_.back().literal, text);
  }

  absl::Status ParseLiteral() {
    start_ = pos_;
    const size_t end = std::min(text_.find('%', pos_), text_.size());
    // A line break would let one request look like two lines; a writer of templates means none.
    for (size_t i = pos_; i < end; ++i) {
      start_ = i;
      if (absl::ascii_iscntrl(static_cast<unsigned char>(text_[i])) && text_[i] != '\t') {
        return Error("control characters other than tab are not allowed; a line break is added");
      }
    }
    AppendLiteral(text_.substr(pos_, end - pos_));
    pos_ = end;
    return absl::OkStatus();
  }

  absl::Status ParsePercent() {
    start_ = pos_++;
    if (pos_ < text_.size() && text_[pos_] == '%') {
      ++pos_;
      AppendLiteral("%");
      return absl::OkStatus();
    }
    const size_t name_start = pos_;
    while (pos_ < text_.size() &&
           (absl::ascii_isalnum(static_cast<unsigned char>(text_[pos_])) || text_[pos_] == '_')) {
      ++pos_;
    }
    const absl::string_view name = text_.substr(name_start, pos_ - name_start);
    ASSIGN_OR_RETURN(const LogOperatorInfo* info, FindOperator(name));
    std::optional<absl::string_view> argument;
    if (pos_ < text_.size() && text_[pos_] == '(') {
      const size_t close = text_.find(')', pos_);
      if (close == absl::string_view::npos) return Error(absl::StrCat(name, ": missing \")\""));
      argument = text_.substr(pos_ + 1, close - pos_ - 1);
      pos_ = close + 1;
    }
    LogOperator op;
    op.is_number = info->is_number;
    RETURN_IF_ERROR(ParseArgument(*info, argument, op));
    RETURN_IF_ERROR(ParseLength(name, op));
    if (pos_ >= text_.size() || text_[pos_] != '%') {
      return Error(absl::StrCat(name, ": must end with \"%\""));
    }
    ++pos_;
    pieces_.push_back({"", std::move(op)});
    return absl::OkStatus();
  }

  absl::StatusOr<const LogOperatorInfo*> FindOperator(absl::string_view name) const {
    std::vector<absl::string_view> known;
    for (const LogOperatorInfo& info : kOperators) {
      if (info.name == name) return &info;
      known.push_back(info.name);
    }
    if (name.empty()) return Error("must be an operator such as %PROTOCOL%, or %% for one percent");
    const absl::string_view nearest = Nearest(absl::AsciiStrToUpper(name), known);
    return Error(
        absl::StrCat("no operator \"", name, "\"",
                     nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?")));
  }

  absl::Status ParseArgument(const LogOperatorInfo& info, std::optional<absl::string_view> argument,
                             LogOperator& op) const {
    op.source.field = info.field;
    if (info.argument == A::kHeader) {
      if (!argument.has_value()) {
        return Error(absl::StrCat(info.name, ": needs a header, as in ", info.name, "(X-Name)"));
      }
      return ParseHeaders(info, *argument, op);
    }
    if (info.argument == A::kTlv) return ParseTlv(info, argument.value_or(""), op.source);
    if (!argument.has_value()) return absl::OkStatus();
    if (info.argument == A::kNone) return Error(absl::StrCat(info.name, ": takes no argument"));
    op.argument = std::string(*argument);
    if (info.argument == A::kTime) return CheckTime(*argument);
    if (*argument == "s" || *argument == "ms" || *argument == "us") return absl::OkStatus();
    return Error(absl::StrCat(info.name, ": must be s, ms or us, got \"", *argument, "\""));
  }

  absl::Status ParseHeaders(const LogOperatorInfo& info, absl::string_view argument,
                            LogOperator& op) const {
    const size_t question = argument.find('?');
    RETURN_IF_ERROR(ParseHeader(info, argument.substr(0, question), op.source));
    if (question == absl::string_view::npos) return absl::OkStatus();
    op.alternative.emplace();
    return ParseHeader(info, argument.substr(question + 1), *op.alternative);
  }

  absl::Status ParseHeader(const LogOperatorInfo& info, absl::string_view name,
                           LogSource& source) const {
    source.field = info.field;
    source.header = absl::AsciiStrToLower(name);
    if (info.field == F::kRequestHeader) {
      for (const auto& [pseudo, field] : kPseudoHeaders) {
        if (source.header != pseudo) continue;
        source = {field, ""};
        return absl::OkStatus();
      }
    }
    if (IsHeaderName(name)) return absl::OkStatus();
    return Error(absl::StrCat(info.name, ": not a header name: \"", name, "\""));
  }

  absl::Status ParseTlv(const LogOperatorInfo& info, absl::string_view name,
                        LogSource& source) const {
    std::vector<absl::string_view> known;
    for (const auto& [tlv, type] : kTlvs) {
      known.push_back(tlv);
      if (name == tlv) source.tlv = type;
    }
    const bool is_number = name.size() == 4 && absl::StartsWith(name, "0x") &&
                           absl::ascii_isxdigit(static_cast<unsigned char>(name[2])) &&
                           absl::ascii_isxdigit(static_cast<unsigned char>(name[3]));
    if (is_number) source.tlv = static_cast<uint8_t>(absl::HexStringToBytes(name.substr(2))[0]);
    if (source.tlv != 0) return absl::OkStatus();
    const absl::string_view nearest = Nearest(name, known);
    return Error(absl::StrCat(
        info.name, ": must be a name such as authority, or a type such as ", "0xEA, got \"", name,
        "\"", nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?")));
  }

  absl::Status CheckTime(absl::string_view format) const {
    for (size_t i = 0; i < format.size(); ++i) {
      if (format[i] != '%') continue;
      ++i;
      const bool has_digits = i + 1 < format.size() && format[i + 1] == 'f' &&
                              (format[i] == '3' || format[i] == '6' || format[i] == '9');
      if (has_digits) {
        ++i;
      } else if (i == format.size() || kLogTimeLetters.find(format[i]) == absl::string_view::npos) {
        return Error(absl::StrCat("START_TIME: no conversion \"", format.substr(i - 1, 2),
                                  "\"; known are %Y %m %d %H %M %S %3f %6f %9f %f %y %F %T %b %a "
                                  "%e %j %s %z %Z %%"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ParseLength(absl::string_view name, LogOperator& op) {
    if (pos_ >= text_.size() || text_[pos_] != ':') return absl::OkStatus();
    const size_t begin = ++pos_;
    while (pos_ < text_.size() && absl::ascii_isdigit(static_cast<unsigned char>(text_[pos_]))) {
      ++pos_;
    }
    uint32_t bytes = 0;
    if (!absl::SimpleAtoi(text_.substr(begin, pos_ - begin), &bytes) || bytes == 0) {
      return Error(absl::StrCat(name, ": \":\" must be followed by a length, as in :100"));
    }
    if (op.is_number) return Error(absl::StrCat(name, ": is a number, which cannot be cut"));
    op.max_bytes = bytes;
    return absl::OkStatus();
  }

  const absl::string_view text_;
  size_t pos_ = 0;
  size_t start_ = 0;  // Of the piece being parsed, for messages.
  std::vector<LogPiece> pieces_;
};

}  // namespace

std::span<const LogOperatorInfo> LogOperators() { return kOperators; }

std::span<const std::pair<absl::string_view, absl::string_view>> DefaultLogMembers() {
  return kDefaultMembers;
}

absl::StatusOr<std::vector<LogPiece>> ParseLogTemplate(absl::string_view text) {
  return TemplateParser(text).Parse();
}

absl::StatusOr<std::vector<LogMember>> ParseLogMembers(
    const std::map<std::string, std::string>& fields) {
  if (fields.size() > kMaxLogMembers) {
    return absl::InvalidArgumentError(
        absl::StrCat("must have at most ", kMaxLogMembers, " members, got ", fields.size()));
  }
  std::vector<LogMember> members;
  size_t bytes = 0;
  for (const auto& [name, text] : fields) {
    if (name.empty() || name.size() > kMaxLogMemberName) {
      return absl::InvalidArgumentError(
          absl::StrCat("a name must have 1 to ", kMaxLogMemberName, " bytes, got ", name.size()));
    }
    if (std::any_of(name.begin(), name.end(), absl::ascii_iscntrl)) {
      return absl::InvalidArgumentError("a name must have no control characters");
    }
    absl::StatusOr<std::vector<LogPiece>> value = ParseLogTemplate(text);
    if (!value.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("\"", name, "\": ", value.status().message()));
    }
    bytes += name.size() + text.size();
    members.push_back({name, *std::move(value)});
  }
  if (bytes > kMaxLogTemplate) {
    return absl::InvalidArgumentError(
        absl::StrCat("all names and values together must have at most ", kMaxLogTemplate,
                     " bytes, got ", bytes));
  }
  return members;
}

}  // namespace sluice
