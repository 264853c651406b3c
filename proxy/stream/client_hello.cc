// RFC 8446: records (5.1), the message (4.1.2), its extensions (4.2); RFC 6066, 3 for the name.
#include "proxy/stream/client_hello.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"

namespace sluice::stream {
namespace {

using Status = ClientHello::Status;

constexpr size_t kRecordHeader = 5;
constexpr size_t kMaxRecord = 16 * 1024;
constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kMajorVersion = 3;
constexpr size_t kMessageHeader = 4;
constexpr uint8_t kClientHelloMessage = 1;
constexpr size_t kMaxMessage = 16 * 1024;
constexpr uint16_t kServerNameExtension = 0;
constexpr uint8_t kHostName = 0;
constexpr size_t kMaxName = 255;

uint8_t ByteAt(absl::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

// Takes what a message is made of off its front. Once something is missing all else fails, too.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool is_empty() const { return rest_.empty(); }

  // A big-endian number of so many bytes.
  size_t Number(size_t bytes) {
    const absl::string_view digits = Bytes(bytes);
    size_t number = 0;
    for (size_t i = 0; i < digits.size(); ++i) number = number << 8 | ByteAt(digits, i);
    return number;
  }

  absl::string_view Bytes(size_t count) {
    if (count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const absl::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }

  // What has its length before it, in so many bytes.
  absl::string_view Vector(size_t length_bytes) { return Bytes(Number(length_bytes)); }

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
}

// The content of the extension: a list of one name.
bool ParseServerName(absl::string_view extension, std::string& name) {
  Reader reader(extension);
  Reader list(reader.Vector(2));
  const bool is_host_name = list.Number(1) == kHostName;
  const absl::string_view text = list.Vector(2);
  if (!reader.ok() || !reader.is_empty() || !list.ok() || !list.is_empty()) return false;
  if (!is_host_name || text.empty() || text.size() > kMaxName) return false;
  if (!std::all_of(text.begin(), text.end(), IsNameCharacter)) return false;
  name = std::string(text);
  return true;
}

bool ParseExtensions(absl::string_view extensions, std::string& name) {
  Reader reader(extensions);
  bool has_name = false;
  while (reader.ok() && !reader.is_empty()) {
    const size_t type = reader.Number(2);
    const absl::string_view content = reader.Vector(2);
    if (!reader.ok() || type != kServerNameExtension) continue;
    // With two of them each reader might believe another.
    if (has_name || !ParseServerName(content, name)) return false;
    has_name = true;
  }
  return reader.ok();
}

bool ParseMessage(absl::string_view message, std::string& name) {
  Reader reader(message);
  reader.Bytes(2);                                    // The version that is not the version.
  reader.Bytes(32);                                   // The random bytes.
  const size_t session_id = reader.Vector(1).size();  // A session.
  const size_t cipher_suites = reader.Vector(2).size();
  const size_t compressions = reader.Vector(1).size();
  if (!reader.ok() || session_id > 32) return false;
  if (cipher_suites < 2 || cipher_suites % 2 != 0 || compressions < 1) return false;
  if (reader.is_empty()) return true;  // As before there were extensions.
  const absl::string_view extensions = reader.Vector(2);
  return reader.ok() && reader.is_empty() && ParseExtensions(extensions, name);
}

ClientHello NeedsMore(size_t needed) {
  ClientHello hello;
  if (needed > ClientHello::kMaxBytes) return hello;
  hello.status = Status::kNeedsMore;
  hello.needed = needed;
  return hello;
}

bool IsRecordStart(absl::string_view bytes) {
  if (ByteAt(bytes, 0) != kHandshakeRecord) return false;
  return bytes.size() < 2 || ByteAt(bytes, 1) == kMajorVersion;
}

}  // namespace

ClientHello ClientHello::Parse(absl::string_view bytes) {
  // Handshake bytes of the records so far. Most come in one, and none is copied.
  absl::string_view message;
  std::string joined;
  for (size_t at = 0;;) {
    const absl::string_view rest = bytes.substr(at);
    if (!rest.empty() && !IsRecordStart(rest)) return ClientHello();
    if (rest.size() < kRecordHeader) return NeedsMore(at + kRecordHeader);
    const size_t length = static_cast<size_t>(ByteAt(rest, 3)) << 8 | ByteAt(rest, 4);
    if (length == 0 || length > kMaxRecord) return ClientHello();
    if (message.empty() && rest.size() > kRecordHeader &&
        ByteAt(rest, kRecordHeader) != kClientHelloMessage) {
      return ClientHello();
    }
    if (rest.size() < kRecordHeader + length) return NeedsMore(at + kRecordHeader + length);
    const absl::string_view fragment = rest.substr(kRecordHeader, length);
    if (message.empty()) {
      message = fragment;
    } else {
      if (joined.empty()) joined = std::string(message);
      joined.append(fragment.data(), fragment.size());
      message = joined;
    }
    at += kRecordHeader + length;
    if (message.size() < kMessageHeader) continue;
    Reader header(message.substr(1));
    const size_t size = header.Number(3);
    if (size > kMaxMessage) return ClientHello();
    if (message.size() < kMessageHeader + size) continue;
    ClientHello hello;
    std::string name;
    if (!ParseMessage(message.substr(kMessageHeader, size), name)) return hello;
    hello.status = Status::kComplete;
    hello.server_name = std::move(name);
    return hello;
  }
}

}  // namespace sluice::stream
