#include "tools/demo/request.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"

namespace sluice::demo {
namespace {

constexpr size_t kMostLineBytes = 64 * 1024;
constexpr size_t kMostHeaders = 1000;

absl::Status Malformed(absl::string_view what) { return absl::InvalidArgumentError(what); }

}  // namespace

absl::string_view Request::path() const {
  const absl::string_view whole = target;
  return whole.substr(0, whole.find('?'));
}

absl::string_view Request::query(absl::string_view name) const {
  const size_t mark = target.find('?');
  if (mark == std::string::npos) return "";
  for (absl::string_view part : absl::StrSplit(absl::string_view(target).substr(mark + 1), '&')) {
    if (absl::ConsumePrefix(&part, name) && absl::ConsumePrefix(&part, "=")) return part;
  }
  return "";
}

absl::string_view Request::header(absl::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (absl::EqualsIgnoreCase(key, name)) return value;
  }
  return "";
}

bool RequestReader::Fill() {
  const std::string more = source_();
  buffer_ += more;
  return !more.empty();
}

absl::StatusOr<std::string> RequestReader::Line() {
  size_t end;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (buffer_.size() > kMostLineBytes) return Malformed("a line is too long");
    if (!Fill()) return Malformed("the stream ended within a line");
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

absl::Status RequestReader::Skip(uint64_t bytes) {
  while (bytes > 0) {
    if (buffer_.empty() && !Fill()) return Malformed("the stream ended within a body");
    const uint64_t taken = std::min<uint64_t>(bytes, buffer_.size());
    buffer_.erase(0, taken);
    bytes -= taken;
  }
  return absl::OkStatus();
}

absl::Status RequestReader::ReadHead(Request& request) {
  ASSIGN_OR_RETURN(const std::string first, Line());
  const std::vector<std::string> words = absl::StrSplit(first, ' ');
  if (words.size() != 3 || !absl::StartsWith(words[2], "HTTP/1.")) {
    return Malformed("not an HTTP/1.1 request line");
  }
  request.method = words[0];
  request.target = words[1];
  while (true) {
    ASSIGN_OR_RETURN(const std::string line, Line());
    if (line.empty()) return absl::OkStatus();
    const size_t colon = line.find(':');
    if (colon == std::string::npos || request.headers.size() == kMostHeaders) {
      return Malformed("not a header, or too many");
    }
    request.headers.emplace_back(
        line.substr(0, colon),
        absl::StripAsciiWhitespace(absl::string_view(line).substr(colon + 1)));
  }
}

absl::Status RequestReader::ReadBody(Request& request) {
  if (absl::EqualsIgnoreCase(request.header("transfer-encoding"), "chunked")) {
    uint64_t size = 0;
    do {
      ASSIGN_OR_RETURN(const std::string line, Line());
      if (!absl::SimpleHexAtoi(line.substr(0, line.find(';')), &size)) {
        return Malformed("not a chunk size");
      }
      if (size == 0) break;
      RETURN_IF_ERROR(Skip(size));
      request.body_bytes += size;
      RETURN_IF_ERROR(Line().status());
    } while (true);
    // Trailers end with an empty line.
    while (true) {
      ASSIGN_OR_RETURN(const std::string line, Line());
      if (line.empty()) return absl::OkStatus();
    }
  }
  const absl::string_view length = request.header("content-length");
  if (length.empty()) return absl::OkStatus();
  if (!absl::SimpleAtoi(length, &request.body_bytes)) return Malformed("not a content-length");
  return Skip(request.body_bytes);
}

absl::StatusOr<std::optional<Request>> RequestReader::Next() {
  if (buffer_.empty() && !Fill()) return std::optional<Request>();
  Request request;
  RETURN_IF_ERROR(ReadHead(request));
  RETURN_IF_ERROR(ReadBody(request));
  return std::optional<Request>(std::move(request));
}

}  // namespace sluice::demo
