#include "tools/demo/reply.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace sluice::demo {
namespace {

constexpr uint64_t kMostBytes = uint64_t{1} << 30;
constexpr uint64_t kMostMillis = 600'000;
constexpr uint64_t kMostParts = 10'000;

std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) {
      // One escape a byte keeps the text ASCII, whatever the client sent.
      absl::StrAppendFormat(&quoted, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string EchoJson(const Request& request, absl::string_view name) {
  const std::string headers =
      absl::StrJoin(request.headers, ", ", [](std::string* out, const auto& header) {
        absl::StrAppend(out, "[", Quoted(header.first), ", ", Quoted(header.second), "]");
      });
  return absl::StrCat("{\"upstream\": ", Quoted(name), ", \"method\": ", Quoted(request.method),
                      ", \"target\": ", Quoted(request.target), ", \"headers\": [", headers,
                      "], \"body_bytes\": ", request.body_bytes, "}\n");
}

std::string EchoText(const Request& request, absl::string_view name) {
  std::string text =
      absl::StrCat("upstream ", name, "\n", request.method, " ", request.target, "\n");
  for (const auto& [key, value] : request.headers) absl::StrAppend(&text, key, ": ", value, "\n");
  return absl::StrCat(text, "body: ", request.body_bytes, " bytes\n");
}

Reply Echo(const Request& request, absl::string_view name) {
  if (absl::StrContains(request.header("accept"), "application/json")) {
    Reply reply;
    reply.content_type = "application/json";
    reply.parts = {EchoJson(request, name)};
    return reply;
  }
  Reply reply;
  reply.parts = {EchoText(request, name)};
  return reply;
}

uint64_t NumberOr(absl::string_view text, uint64_t otherwise, uint64_t most) {
  uint64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? std::min(number, most) : otherwise;
}

Reply Stream(const Request& request) {
  Reply reply;
  const uint64_t count = NumberOr(request.query("n"), 5, kMostParts);
  for (uint64_t i = 1; i <= count; ++i) reply.parts.push_back(absl::StrCat("line ", i, "\n"));
  // Two parts at least, or it would not be sent in chunks.
  while (reply.parts.size() < 2) reply.parts.push_back("");
  reply.pause =
      absl::Milliseconds(static_cast<int64_t>(NumberOr(request.query("ms"), 500, kMostMillis)));
  return reply;
}

}  // namespace

Reply Answer(const Request& request, absl::string_view name) {
  absl::string_view path = request.path();
  if (absl::ConsumePrefix(&path, "/status/")) {
    Reply reply;
    reply.status = static_cast<int>(std::max<uint64_t>(200, NumberOr(path, 400, 599)));
    reply.parts = {absl::StrCat("status ", reply.status, " from upstream ", name, "\n")};
    return reply;
  }
  if (absl::ConsumePrefix(&path, "/bytes/")) {
    Reply reply;
    reply.content_type = "application/octet-stream";
    reply.parts = {std::string(NumberOr(path, 0, kMostBytes), 'x')};
    return reply;
  }
  if (path == "/stream") return Stream(request);
  Reply reply = Echo(request, name);
  if (path == "/slow") {
    reply.delay =
        absl::Milliseconds(static_cast<int64_t>(NumberOr(request.query("ms"), 1000, kMostMillis)));
  }
  return reply;
}

}  // namespace sluice::demo
