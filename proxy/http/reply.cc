#include "proxy/http/reply.h"

#include "absl/strings/match.h"
#include "proxy/http/message.h"

namespace sluice::http {

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
    return {arena.Join({"{\"status\":", code, ",\"error\":\"", phrase, "\",\"details\":\"", details,
                        id_key, request_id, "\"}\n"}),
            "application/json"};
  }
  const absl::string_view id_key = request_id.empty() ? "" : "\nrequest id: ";
  return {arena.Join({code, " ", phrase, ": ", details, id_key, request_id, "\n"}),
          "text/plain; charset=utf-8"};
}

absl::string_view MakeProxyStatus(Arena& arena, absl::string_view error,
                                  absl::string_view details) {
  return arena.Join({"sluice; error=", error, "; details=\"", details, "\""});
}

}  // namespace sluice::http
