#include "proxy/http/h2/fields.h"

#include <charconv>

#include "absl/strings/match.h"

namespace sluice::http::h2 {
namespace {

// A cookie this short could be guessed by who can watch sizes (RFC 7541 section 7.1.3).
constexpr size_t kGuessableCookie = 20;

// Of one connection, or said by another field of the head.
bool IsDropped(const HeaderMap::Entry& entry) {
  switch (entry.id) {
    case HeaderId::kConnection:
    case HeaderId::kContentLength:
    case HeaderId::kExpect:
    case HeaderId::kHost:
    case HeaderId::kHttp2Settings:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return true;
    case HeaderId::kTe:
      return !absl::EqualsIgnoreCase(entry.value(), "trailers");
    default:
      return false;
  }
}

uint8_t FlagsOf(const HeaderMap::Entry& entry) {
  switch (entry.id) {
    case HeaderId::kAuthorization:
    case HeaderId::kProxyAuthorization:
    // Never the same twice: it would only drive others out of the table.
    case HeaderId::kXRequestId:
      return NGHTTP2_NV_FLAG_NO_INDEX;
    case HeaderId::kCookie:
      return entry.value_size < kGuessableCookie ? NGHTTP2_NV_FLAG_NO_INDEX : 0;
    default:
      return 0;
  }
}

}  // namespace

void FieldList::Add(absl::string_view name, absl::string_view value, uint8_t flags) {
  // nghttp2 takes non-const pointers and changes nothing.
  fields_.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                     reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(),
                     value.size(), flags});
}

void FieldList::AddRegular(const HeaderMap& headers) {
  headers.ForEach([this](const HeaderMap::Entry& entry) {
    if (IsDropped(entry)) return;
    // Names with an id are literals: nghttp2 need not copy them.
    const uint8_t copies = entry.id == HeaderId::kOther ? 0 : NGHTTP2_NV_FLAG_NO_COPY_NAME;
    const absl::string_view name = copies == 0 ? entry.name() : HeaderName(entry.id);
    Add(name, entry.value(), FlagsOf(entry) | copies);
  });
}

void FieldList::AddLength(uint64_t length) {
  const auto end = std::to_chars(length_, length_ + sizeof(length_), length).ptr;
  Add("content-length", absl::string_view(length_, static_cast<size_t>(end - length_)));
}

void FieldList::MakeRequest(const RequestHead& head, absl::string_view scheme) {
  fields_.clear();
  Add(":method", head.method);
  Add(":scheme", scheme);
  AddPath(head);
  if (head.body.kind == BodySize::Kind::kLength) AddLength(head.body.length);
  if (head.expects_continue) Add("expect", "100-continue");
  AddRegular(head.headers);
}

void FieldList::MakeConnect(const RequestHead& head, absl::string_view scheme) {
  fields_.clear();
  Add(":method", "CONNECT");
  Add(":protocol", head.upgrade);
  Add(":scheme", scheme);
  AddPath(head);
  AddRegular(head.headers);
  std::erase_if(fields_, [](const nghttp2_nv& field) {
    return absl::string_view(reinterpret_cast<const char*>(field.name), field.namelen) ==
           kWebSocketKey;
  });
}

void FieldList::AddPath(const RequestHead& head) {
  if (!head.authority.empty()) Add(":authority", head.authority);
  if (head.query.has_value()) {
    target_.assign(head.path.data(), head.path.size());
    target_.push_back('?');
    target_.append(head.query->data(), head.query->size());
    Add(":path", target_);
  } else {
    Add(":path", head.path);
  }
}

void FieldList::MakeResponse(const ResponseHead& head) {
  fields_.clear();
  // RFC 8441 section 4: an upgrade is granted as any CONNECT is.
  const int status = head.status == 101 ? 200 : head.status;
  status_[0] = static_cast<char>('0' + status / 100 % 10);
  status_[1] = static_cast<char>('0' + status / 10 % 10);
  status_[2] = static_cast<char>('0' + status % 10);
  Add(":status", absl::string_view(status_, sizeof(status_)));
  const bool tells_length = head.status >= 200 && head.status != 204;
  if (tells_length && head.body.kind == BodySize::Kind::kLength) AddLength(head.body.length);
  AddRegular(head.headers);
}

void FieldList::MakeTrailers(const HeaderMap& trailers) {
  fields_.clear();
  AddRegular(trailers);
}

}  // namespace sluice::http::h2
