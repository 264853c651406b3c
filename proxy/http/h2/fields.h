// Header fields as nghttp2 takes them, made from our heads.
#pragma once

#include <nghttp2/nghttp2.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "proxy/http/message.h"

namespace sluice::http::h2 {

// What HTTP/1.1 proves with that the server has read the request; HTTP/2 has no use for it.
inline constexpr absl::string_view kWebSocketKey = "sec-websocket-key";

// A list of fields, reused from message to message. Refers to the head it was made from, until the
// next call.
//
// Never holds what belongs to one connection only (Connection, Transfer-Encoding, Upgrade, ...).
// "te: trailers" is the one form of TE that HTTP/2 knows (RFC 9113 section 8.2.2).
class FieldList {
 public:
  void MakeRequest(const RequestHead& head, absl::string_view scheme);
  // The extended CONNECT (RFC 8441) that asks for `head.upgrade`.
  void MakeConnect(const RequestHead& head, absl::string_view scheme);
  void MakeResponse(const ResponseHead& head);
  void MakeTrailers(const HeaderMap& trailers);

  const nghttp2_nv* data() const { return fields_.data(); }
  size_t size() const { return fields_.size(); }

 private:
  void Add(absl::string_view name, absl::string_view value, uint8_t flags = 0);
  void AddPath(const RequestHead& head);
  void AddRegular(const HeaderMap& headers);
  void AddLength(uint64_t length);

  std::vector<nghttp2_nv> fields_;
  std::string target_;
  char length_[20];
  char status_[3];
};

}  // namespace sluice::http::h2
