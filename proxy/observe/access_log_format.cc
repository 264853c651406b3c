// A line's literal text and the shortest form of each value ("-", null) are set aside when the
// format is compiled. What is left of kMaxLine is the room that values share, first come, first
// served, with a part for numbers and addresses: a long path must not cost the status. So a line is
// whole whatever a client sends, and JSON stays JSON.
#include "proxy/observe/access_log_format.h"
#include "base/append.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proxy/observe/escape.h"
#include "proxy/observe/log_time.h"

namespace sluice::observe {

namespace {

using F = LogField;
using Side = AccessRecord::Side;

// Set aside for each value: null, or the two quotes.
constexpr size_t kShortestValue = 4;
// "[", 39, "]:", 5, or a number of 64 bits: what has no escapes and is written whole or not.
constexpr size_t kMaxShort = 80;

// Configuration is UTF-8 and, here, without control characters but for tabs: at most twice as long.
std::string JsonEscaped(absl::string_view text) {
  std::string out(text.size() * 2, '\0');
  out.resize(static_cast<size_t>(EscapeJson(text, out.data(), out.size()) - out.data()));
  return out;
}

// Start times are short, too, but as a format may hold anything they are escaped like text.
bool IsText(LogField field) {
  switch (field) {
    case F::kStartTime:
    case F::kRequestHeader:
    case F::kResponseHeader:
    case F::kMethod:
    case F::kPath:
    case F::kAuthority:
    case F::kScheme:
    case F::kProtocol:
    case F::kResponseCodeDetails:
    case F::kRequestId:
    case F::kListener:
    case F::kRoute:
    case F::kConsumer:
    case F::kUpstream:
    case F::kUpstreamHost:
    case F::kUpstreamTransportFailure:
    case F::kNode:
    case F::kHostname:
    case F::kTlsVersion:
    case F::kTlsCipher:
    case F::kServerName:
    case F::kPeerSubject:
    case F::kPeerIssuer:
    case F::kPeerSerial:
    case F::kPeerSha256:
    case F::kPeerDns:
    case F::kPeerUri:
    case F::kProxyTlv:
      return true;
    default:
      return false;
  }
}

char* WriteNumber(uint64_t number, char* out) {
  return std::to_chars(out, out + kMaxShort, number).ptr;
}

char* WriteDuration(int64_t ns, absl::string_view unit, char* out) {
  const uint64_t count = static_cast<uint64_t>(ns);
  if (unit == "us") return WriteNumber(count / 1'000, out);
  if (unit != "s") return WriteNumber(count / 1'000'000, out);
  out = WriteNumber(count / 1'000'000'000, out);
  *out++ = '.';
  uint64_t micros = count / 1'000 % 1'000'000;
  for (int i = 5; i >= 0; --i, micros /= 10) out[i] = static_cast<char>('0' + micros % 10);
  return out + 6;
}

char* WriteIp(const std::array<uint8_t, 16>& ip, char* out) {
  static constexpr uint8_t kV4Prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(ip.data(), kV4Prefix, sizeof(kV4Prefix)) != 0) {
    inet_ntop(AF_INET6, ip.data(), out, kMaxShort);
    return out + std::strlen(out);
  }
  for (int i = 12; i < 16; ++i) {
    const uint8_t byte = ip[static_cast<size_t>(i)];
    if (byte >= 100) *out++ = static_cast<char>('0' + byte / 100);
    if (byte >= 10) *out++ = static_cast<char>('0' + byte / 10 % 10);
    *out++ = static_cast<char>('0' + byte % 10);
    if (i < 15) *out++ = '.';
  }
  return out;
}

char* WriteAddress(const LogAddress& address, char* out) {
  // Brackets only around IPv6, which is known once it is written.
  char* const end = WriteIp(*address.ip, out + 1);
  const size_t size = static_cast<size_t>(end - out) - 1;
  const bool is_v6 = std::memchr(out + 1, ':', size) != nullptr;
  if (is_v6) {
    *out = '[';
    out = end;
    *out++ = ']';
  } else {
    std::memmove(out, out + 1, size);
    out += size;
  }
  *out++ = ':';
  return WriteNumber(address.port, out);
}

// What one source gives for a record: text that needs escapes, or short text that does not.
class Value {
 public:
  Value(const AccessRecord& record, const LogSource& source, const LogOperator& op) {
    Find(record, source, op);
  }

  bool is_missing() const { return kind_ == Kind::kMissing; }
  bool needs_escapes() const { return kind_ == Kind::kText; }
  absl::string_view text() const { return text_; }

 private:
  enum class Kind : uint8_t { kMissing, kText, kShort };

  void Text(absl::string_view text) {
    if (text.empty()) return;
    text_ = text;
    kind_ = Kind::kText;
  }
  void Short(const char* end) {
    text_ = absl::string_view(short_, static_cast<size_t>(end - short_));
    kind_ = Kind::kShort;
  }
  void Number(uint64_t number) { Short(WriteNumber(number, short_)); }
  void Duration(int64_t ns, absl::string_view unit) {
    if (ns >= 0) Short(WriteDuration(ns, unit, short_));
  }
  void Address(const LogAddress& address) {
    if (address.ip != nullptr) Short(WriteAddress(address, short_));
  }
  void Ip(const LogAddress& address) {
    if (address.ip != nullptr) Short(WriteIp(*address.ip, short_));
  }
  void Port(const LogAddress& address) {
    if (address.ip != nullptr) Number(address.port);
  }
  void Time(int64_t unix_ns, absl::string_view format) {
    if (format.empty()) format = kDefaultLogTime;
    Short(FormatTime(unix_ns, format, short_, kMaxShort));
    kind_ = Kind::kText;  // The format may hold anything.
  }
  void Header(const AccessRecord& record, Side side, absl::string_view name) {
    if (record.find_header == nullptr) return;
    if (!record.find_header(record.headers, side, name, &text_)) return;
    kind_ = Kind::kText;  // An empty header is not a missing one.
  }

  // LONG: one case for each field.
  void Find(const AccessRecord& record, const LogSource& source, const LogOperator& op) {
    switch (source.field) {
      case F::kStartTime:
        return Time(record.start_unix_ns, op.argument);
      case F::kRequestHeader:
        return Header(record, Side::kRequest, source.header);
      case F::kResponseHeader:
        return Header(record, Side::kResponse, source.header);
      case F::kMethod:
        return Text(record.method);
      case F::kPath:
        return Text(record.path);
      case F::kAuthority:
        return Text(record.authority);
      case F::kScheme:
        return Text(record.scheme);
      case F::kProtocol:
        return Text(record.protocol);
      case F::kResponseCode:
        return record.response_code == 0 ? void()
                                         : Number(static_cast<uint64_t>(record.response_code));
      case F::kResponseCodeDetails:
        return Text(record.details);
      case F::kResponseFlags:
        return record.flags.empty() ? void() : Short(short_ + WriteFlags(record.flags, short_));
      case F::kBytesReceived:
        return Number(record.bytes_received);
      case F::kBytesSent:
        return Number(record.bytes_sent);
      case F::kDuration:
        return Duration(record.duration_ns, op.argument);
      case F::kRequestDuration:
        return Duration(record.request_duration_ns, op.argument);
      case F::kResponseDuration:
        return Duration(record.response_duration_ns, op.argument);
      case F::kRemoteAddress:
        return Address(record.remote);
      case F::kRemoteIp:
        return Ip(record.remote);
      case F::kRemotePort:
        return Port(record.remote);
      case F::kDirectRemoteAddress:
        return Address(record.direct_remote);
      case F::kDirectRemoteIp:
        return Ip(record.direct_remote);
      case F::kLocalAddress:
        return Address(record.local);
      case F::kLocalIp:
        return Ip(record.local);
      case F::kLocalPort:
        return Port(record.local);
      case F::kConnectionId:
        return Number(record.connection_id);
      case F::kRequestId:
        return Text(record.request_id);
      case F::kListener:
        return Text(record.listener);
      case F::kRoute:
        return Text(record.route);
      case F::kConsumer:
        return Text(record.consumer);
      case F::kUpstream:
        return Text(record.upstream);
      case F::kUpstreamHost:
        return Text(record.upstream_host);
      case F::kUpstreamTransportFailure:
        return Text(record.upstream_transport_failure);
      case F::kAttempts:
        return Number(record.attempts);
      case F::kGeneration:
        return Number(record.generation);
      case F::kNode:
        return Text(record.node);
      case F::kHostname:
        return Text(record.hostname);
      case F::kTlsVersion:
        return Text(record.tls_version);
      case F::kTlsCipher:
        return Text(record.tls_cipher);
      case F::kServerName:
        return Text(record.server_name);
      case F::kPeerSubject:
        return Text(record.peer_subject);
      case F::kPeerIssuer:
        return Text(record.peer_issuer);
      case F::kPeerSerial:
        return Text(record.peer_serial);
      case F::kPeerSha256:
        return Text(record.peer_sha256);
      case F::kPeerDns:
        return Text(record.peer_dns);
      case F::kPeerUri:
        return Text(record.peer_uri);
      case F::kProxyTlv:
        return record.find_tlv == nullptr ? void() : Text(record.find_tlv(record.tlvs, source.tlv));
    }
  }

  Kind kind_ = Kind::kMissing;
  absl::string_view text_;
  char short_[kMaxShort];
};

static_assert(kMaxFlagText <= kMaxShort);

bool IsLocal(LogField field) {
  return field == LogField::kLocalAddress || field == LogField::kLocalIp ||
         field == LogField::kLocalPort;
}

// Bytes left for values beyond their shortest form.
struct Room {
  size_t text;
  size_t numbers;
};

// One operator's text at `out`; takes what it uses from `room`.
char* WriteValue(const Value& value, const LogOperator& op, bool is_json, bool is_json_value,
                 char* out, Room& room) {
  const absl::string_view text = value.text().substr(0, op.max_bytes.value_or(UINT32_MAX));
  const absl::string_view missing = is_json_value ? "null" : "-";
  if (value.is_missing() || (text.empty() && !is_json)) return Append(missing, out);
  if (!value.needs_escapes() && text.size() > room.numbers) return Append(missing, out);
  const bool has_quotes = is_json_value && !op.is_number;
  if (has_quotes) *out++ = '"';
  char* end;
  if (value.needs_escapes()) {
    end = is_json ? EscapeJson(text, out, room.text) : EscapeText(text, out, room.text);
    room.text -= static_cast<size_t>(end - out);
  } else {
    end = Append(text, out);
    room.numbers -= text.size();
  }
  if (has_quotes) *end++ = '"';
  return end;
}

}  // namespace

absl::StatusOr<AccessLogFormat> AccessLogFormat::Text(absl::string_view log_template) {
  ASSIGN_OR_RETURN(const std::vector<LogPiece> pieces,
                   ParseLogTemplate(log_template.empty() ? kDefaultLogTemplate : log_template));
  AccessLogFormat format;
  format.Add(pieces);
  format.Finish("\n");
  return format;
}

absl::StatusOr<AccessLogFormat> AccessLogFormat::Json(
    const std::map<std::string, std::string>& fields) {
  AccessLogFormat format;
  format.is_json_ = true;
  if (fields.empty()) {
    for (const auto& [name, text] : DefaultLogMembers()) {
      ASSIGN_OR_RETURN(std::vector<LogPiece> value, ParseLogTemplate(text));
      format.AddJsonMember({std::string(name), std::move(value)});
    }
  } else {
    ASSIGN_OR_RETURN(const std::vector<LogMember> members, ParseLogMembers(fields));
    for (const LogMember& member : members) format.AddJsonMember(member);
  }
  format.Finish("}\n");
  return format;
}

void AccessLogFormat::Add(const std::vector<LogPiece>& pieces) {
  for (const LogPiece& piece : pieces) {
    if (piece.op.has_value()) {
      steps_.push_back({std::exchange(pending_, ""), *piece.op});
    } else {
      pending_ += is_json_ ? JsonEscaped(piece.literal) : piece.literal;
    }
  }
}

void AccessLogFormat::AddJsonMember(const LogMember& member) {
  const bool is_first = steps_.empty() && pending_.empty();
  absl::StrAppend(&pending_, is_first ? "{" : ",", "\"", JsonEscaped(member.name), "\":");
  if (member.value.size() == 1 && member.value[0].op.has_value()) {
    Add(member.value);
    steps_.back().is_json_value = true;
    return;
  }
  pending_ += '"';
  Add(member.value);
  pending_ += '"';
}

void AccessLogFormat::Finish(absl::string_view end) {
  absl::StrAppend(&pending_, end);
  size_t fixed = pending_.size();
  size_t numbers = 0;
  for (const Step& step : steps_) {
    fixed += step.literal.size() + kShortestValue;
    if (!IsText(step.op.source.field)) numbers += kMaxShort;
    uses_local_address_ = uses_local_address_ || IsLocal(step.op.source.field) ||
                          (step.op.alternative.has_value() && IsLocal(step.op.alternative->field));
  }
  // kMaxLogTemplate leaves room: at most 8 KiB of text, 600 operators, 64 names.
  assert(fixed < kMaxLine);
  number_room_ = std::min(numbers, (kMaxLine - fixed) / 2);
  text_room_ = kMaxLine - fixed - number_room_;
}

size_t AccessLogFormat::Format(const AccessRecord& record, char* out) const {
  char* end = out;
  Room room = {text_room_, number_room_};
  for (const Step& step : steps_) {
    end = Append(step.literal, end);
    const Value value(record, step.op.source, step.op);
    if (value.is_missing() && step.op.alternative.has_value()) {
      const Value other(record, *step.op.alternative, step.op);
      end = WriteValue(other, step.op, is_json_, step.is_json_value, end, room);
    } else {
      end = WriteValue(value, step.op, is_json_, step.is_json_value, end, room);
    }
  }
  return static_cast<size_t>(Append(pending_, end) - out);
}

}  // namespace sluice::observe
