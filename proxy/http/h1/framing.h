// From a parsed HTTP/1 head to a neutral one: checks what the headers say about framing, host and
// connection, takes it out, and copies the rest into the request's memory.
#pragma once

#include <cstdint>

#include "proxy/http/h1/head_parser.h"
#include "proxy/http/message.h"
#include "proxy/http/server_settings.h"

namespace sluice::http::h1 {

// What the head means for its connection.
struct ConnectionUse {
  bool keep_alive = true;
  bool is_chunked = false;
  absl::string_view upgrade;  // Of a response: to what its connection says that it changes.
};

// Fills `out` from a request head that lies in `raw_text` (the bytes that the views of `raw` point
// into). Returns what to answer if it is not acceptable; `out` is then unusable. A status of 0
// means success.
LocalError AdoptRequest(const RawHead& raw, absl::string_view raw_text,
                        UnderscorePolicy underscores, RequestHead& out, ConnectionUse& use);

// Likewise for a response to `method`. False: the server broke the protocol.
bool AdoptResponse(const RawHead& raw, absl::string_view raw_text, Method method, ResponseHead& out,
                   ConnectionUse& use);

// Copies acceptable trailers into `out` and leaves the others out: those that are forbidden, and
// names with an underscore unless these are allowed.
void AdoptTrailers(const RawHead& raw, UnderscorePolicy underscores, HeaderMap& out);

}  // namespace sluice::http::h1
