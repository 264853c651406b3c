// Bodies and Proxy-Status of the proxy's own responses.
#pragma once

#include "absl/strings/string_view.h"
#include "proxy/http/arena.h"

namespace sluice::http {

struct ReplyBody {
  absl::string_view text;
  absl::string_view content_type;
};

// What a client reads: a line of text, or JSON where `accept` names it. Lives in `arena`.
ReplyBody MakeReplyBody(Arena& arena, absl::string_view accept, int status,
                        absl::string_view details, absl::string_view request_id);

// A Proxy-Status value (RFC 9209): `sluice; error=connection_refused; details="..."`.
absl::string_view MakeProxyStatus(Arena& arena, absl::string_view error, absl::string_view details);

}  // namespace sluice::http
