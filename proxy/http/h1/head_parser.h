// Strict parser of HTTP/1 heads (RFC 9112): bytes to views, one pass, no copy, no lenient mode.
//
// Stateless: an incomplete head is parsed again from its start when more of it has arrived, which
// callers do only after another line has been completed, so the cost stays linear in practice and
// is bounded by lines times limit.
//
// Thread: any; a RawHead is reused by its owner so that parsing allocates nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "proxy/http/header_id.h"
#include "proxy/http/server_settings.h"
#include "proxy/http/stream.h"

namespace sluice::http::h1 {

struct RawHeader {
  absl::string_view name;   // A token, as sent.
  absl::string_view value;  // Without surrounding white space; no control characters but HTAB.
  HeaderId id;
};

// The views point into what was parsed.
struct RawHead {
  absl::string_view method;
  absl::string_view target;
  int status = 0;
  int minor_version = 1;
  std::vector<RawHeader> headers;
  // Of the input, including what preceded the start line and the final empty line.
  size_t bytes = 0;
};

enum class ParseStatus : uint8_t { kComplete, kIncomplete, kError };

struct ParseResult {
  ParseStatus status;
  LocalError error{0, nullptr};  // Of kError: what to answer, for requests.
};

// `on_target` is called once the request line is known, before the headers are looked at.
ParseResult ParseRequestHead(
    absl::string_view input, const HeadLimits& limits, RawHead& out,
    absl::FunctionRef<void(absl::string_view)> on_target = [](absl::string_view) {});
ParseResult ParseResponseHead(absl::string_view input, const HeadLimits& limits, RawHead& out);
// A trailer section: header lines and the empty line.
ParseResult ParseTrailers(absl::string_view input, const HeadLimits& limits, RawHead& out);

}  // namespace sluice::http::h1
