#include "proxy/plugins/request_id/plugin.h"

#include <algorithm>
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

// "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx" (RFC 9562 section 5.4).
absl::string_view MakeUuid(Stream& stream) {
  constexpr size_t kBytes = 36;
  constexpr char kHex[] = "0123456789abcdef";
  uint64_t halves[2] = {stream.Random(), stream.Random()};
  halves[0] = (halves[0] & ~uint64_t{0xf000}) | 0x4000;
  halves[1] = (halves[1] & ~(uint64_t{3} << 62)) | uint64_t{2} << 62;
  char* const out = stream.arena().Allocate(kBytes, 1);
  char* p = out;
  for (int half = 0; half < 2; ++half) {
    for (int digit = 0; digit < 16; ++digit) {
      const bool is_group_end = half == 0 ? digit == 8 || digit == 12 : digit == 0 || digit == 4;
      if (is_group_end) *p++ = '-';
      *p++ = kHex[halves[half] >> (60 - 4 * digit) & 15];
    }
  }
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
  stream.request().headers.Set(settings_.header, id);
  return Action::kContinue;
}

Action RequestId::OnResponseHead(Stream& stream) {
  if (settings_.in_response && !stream.request_id().empty()) {
    stream.response().headers.Set(settings_.header, stream.request_id());
  }
  return Action::kContinue;
}

absl::StatusOr<Instance> MakeRequestId(const v1::RequestId& config) {
  RequestId::Settings settings;
  settings.header =
      config.header().empty() ? "x-request-id" : absl::AsciiStrToLower(config.header());
  if (!http::IsToken(settings.header)) return FieldError("header", "is no header name");
  if (http::IsWrittenByCodec(http::LookupHeader(settings.header))) {
    return FieldError("header", "belongs to framing or to the connection");
  }
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
