// From the fields of an HTTP/2 header block to a neutral request head: the rules that nghttp2 does
// not keep, the limits, and what both protocols say in different words.
//
// nghttp2 has seen to it that pseudo-header fields are there, once and first, that no field belongs
// to a connection, that names are lower-case tokens, and that content-length is a number.
//
// One at a time on a connection: header blocks never mingle.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "proxy/http/message.h"
#include "proxy/http/server_settings.h"
#include "proxy/http/stream.h"

namespace sluice::http::h2 {

class RequestReader {
 public:
  void Begin();
  // One field, in order; it is copied into the head's arena.
  void OnField(absl::string_view name, absl::string_view value, const ServerSettings& settings,
               RequestHead& head);
  // The block is complete. What to answer if the request is not acceptable; status 0: it is.
  LocalError Finish(bool end, RequestHead& head);

  // The same limits for trailers; those that may not be trailers are left out. False: too many.
  bool OnTrailer(absl::string_view name, absl::string_view value, const ServerSettings& settings,
                 HeaderMap& trailers);

  // What came as ":path", before it is checked; empty if nothing did.
  absl::string_view target() const { return target_; }

  // A field that nobody reads counts nonetheless.
  void Skip(absl::string_view name, absl::string_view value) {
    bytes_ += name.size() + value.size() + kFieldOverhead;
  }

  // The block goes so far beyond the limits that even reading on is too much.
  bool is_abusive(const ServerSettings& settings) const {
    return bytes_ > kAbusive * settings.head.bytes;
  }

 private:
  static constexpr uint64_t kAbusive = 8;
  // RFC 9113 section 10.5.1: what a field costs beyond its text.
  static constexpr uint64_t kFieldOverhead = 32;

  void OnPseudo(absl::string_view name, absl::string_view value, RequestHead& head);
  void OnRegular(HeaderId id, absl::string_view name, absl::string_view value,
                 const ServerSettings& settings, RequestHead& head);
  LocalError CheckTarget(RequestHead& head) const;
  LocalError ReadUpgrade(bool end, RequestHead& head) const;
  void JoinCookies(RequestHead& head) const;
  void Refuse(const LocalError& error) {
    if (error_.status == 0) error_ = error;
  }

  absl::string_view target_;
  absl::string_view host_;
  absl::string_view protocol_;  // Of extended CONNECT.
  uint64_t bytes_ = 0;
  uint32_t fields_ = 0;   // Without cookies.
  uint32_t cookies_ = 0;  // Clients send each pair as a field of its own.
  uint32_t hosts_ = 0;
  LocalError error_{0, nullptr};
};

}  // namespace sluice::http::h2
