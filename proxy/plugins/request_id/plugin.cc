#include "proxy/plugins/request_id/plugin.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "proxy/http/rules.h"
#include "proxy/plugins/field_error.h"
#include "sluice/plugins/v1/request_id.pb.h"

namespace sluice::plugins {
namespace {

constexpr size_t kMaxBytes = 128;

bool IsAcceptable(absl::string_view id) {
  return !id.empty() && id.size() <= kMaxBytes && std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  });
}

// Two digits for each byte.
constexpr std::array<std::array<char, 2>, 256> MakeHexTable() {
  std::array<std::array<char, 2>, 256> table{};
  for (size_t byte = 0; byte < table.size(); ++byte) {
    table[byte] = {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  }
  return table;
}
constexpr auto kHex = MakeHexTable();

// The last `bytes` of `value` in hexadecimal; returns where they end.
char* PutHex(char* out, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i, value >>= 8) {
    std::memcpy(out + 2 * i, kHex[value & 0xff].data(), 2);
  }
  return out + 2 * bytes;
}

// "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx" (RFC 9562 section 5.4).
absl::string_view MakeUuid(Stream& stream) {
  const uint64_t high = (stream.Random() & ~uint64_t{0xf000}) | 0x4000;
  const uint64_t low = (stream.Random() & ~(uint64_t{3} << 62)) | uint64_t{2} << 62;
  constexpr size_t kBytes = 36;
  char* const out = stream.arena().Allocate(kBytes, 1);
  char* p = PutHex(out, high >> 32, 4);
  *p++ = '-';
  p = PutHex(p, high >> 16, 2);
  *p++ = '-';
  p = PutHex(p, high, 2);
  *p++ = '-';
  p = PutHex(p, low >> 48, 2);
  *p++ = '-';
  PutHex(p, low, 6);
  return absl::string_view(out, kBytes);
}

}  // namespace

absl::string_view RequestId::FindAccepted(const Stream& stream) const {
  const bool may_choose = settings_.accept == Accept::kAlways ||
                          (settings_.accept == Accept::kTrusted && stream.is_peer_trusted());
  if (!may_choose) return {};
  const absl::string_view id = stream.request().headers.Get(settings_.header);
  return IsAcceptable(id) ? id : absl::string_view();
}

Action RequestId::OnRequestHead(Stream& stream) {
  // A request has one identity: of a global rule and a route the first one says which.
  absl::string_view id = stream.request_id();
  if (id.empty()) id = FindAccepted(stream);
  if (id.empty()) id = MakeUuid(stream);
  stream.SetRequestId(id);
  stream.request().headers.Set(settings_.header_id, settings_.header, id);
  return Action::kContinue;
}

Action RequestId::OnResponseHead(Stream& stream) {
  if (settings_.in_response && !stream.request_id().empty()) {
    stream.response().headers.Set(settings_.header_id, settings_.header, stream.request_id());
  }
  return Action::kContinue;
}

absl::StatusOr<Instance> MakeRequestId(const v1::RequestId& config) {
  RequestId::Settings settings;
  settings.header =
      config.header().empty() ? "x-request-id" : absl::AsciiStrToLower(config.header());
  if (!http::IsToken(settings.header)) return FieldError("header", "is no header name");
  const http::HeaderId id = http::LookupHeader(settings.header);
  if (http::IsWrittenByCodec(id)) {
    return FieldError("header", "belongs to framing or to the connection");
  }
  settings.header_id = id;
  switch (config.accept()) {
    case v1::RequestId::ACCEPT_ALWAYS:
      settings.accept = RequestId::Accept::kAlways;
      break;
    case v1::RequestId::ACCEPT_NEVER:
      settings.accept = RequestId::Accept::kNever;
      break;
    default:
      break;
  }
  settings.in_response = !config.has_in_response() || config.in_response();
  return Instantiate<RequestId>(std::move(settings));
}

}  // namespace sluice::plugins
