#include "proxy/http/reply.h"

#include <initializer_list>

#include "absl/strings/match.h"
#include "proxy/http/message.h"

namespace sluice::http {
namespace {

absl::string_view Concatenate(Arena& arena, std::initializer_list<absl::string_view> pieces) {
  size_t size = 0;
  for (const absl::string_view piece : pieces) size += piece.size();
  char* out = arena.Allocate(size, 1);
  char* p = out;
  for (const absl::string_view piece : pieces) {
    std::memcpy(p, piece.data(), piece.size());
    p += piece.size();
  }
  return absl::string_view(out, size);
}

}  // namespace

ReplyBody MakeReplyBody(Arena& arena, absl::string_view accept, int status,
                        absl::string_view details, absl::string_view request_id) {
  // Statuses have three digits.
  const char digits[] = {static_cast<char>('0' + status / 100 % 10),
                         static_cast<char>('0' + status / 10 % 10),
                         static_cast<char>('0' + status % 10)};
  const absl::string_view code(digits, sizeof(digits));
  const absl::string_view phrase = ReasonPhrase(status);
  // Details and request ids hold nothing that JSON would have to escape: the former are literals,
  // the latter are checked where they come in.
  if (absl::StrContains(accept, "application/json")) {
    const absl::string_view id_key = request_id.empty() ? "" : "\",\"request_id\":\"";
    return {Concatenate(arena, {"{\"status\":", code, ",\"error\":\"", phrase, "\",\"details\":\"",
                                details, id_key, request_id, "\"}\n"}),
            "application/json"};
  }
  const absl::string_view id_key = request_id.empty() ? "" : "\nrequest id: ";
  return {Concatenate(arena, {code, " ", phrase, ": ", details, id_key, request_id, "\n"}),
          "text/plain; charset=utf-8"};
}

absl::string_view MakeProxyStatus(Arena& arena, absl::string_view error,
                                  absl::string_view details) {
  return Concatenate(arena, {"sluice; error=", error, "; details=\"", details, "\""});
}

}  // namespace sluice::http
