// Heads of requests and responses, whole and cut short, through parser and framing rules.
//
// Beyond not crashing: what a prefix of the input is refused for, the whole is too; what is
// accepted is written by our writer into bytes that parse to the same head.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "proxy/http/h1/framing.h"
#include "proxy/http/h1/head_parser.h"
#include "proxy/http/h1/writer.h"

namespace sluice::http::h1 {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void RoundTrip(const RequestHead& head, net::BlockPool& pool) {
  if (head.method_id == Method::kConnect || head.authority.empty()) return;
  net::Buffer out;
  const BodyFraming framing = head.body.kind == BodySize::Kind::kLength    ? BodyFraming::kLength
                              : head.body.kind == BodySize::Kind::kUnknown ? BodyFraming::kChunked
                                                                           : BodyFraming::kNone;
  WriteRequestHead(head, framing, pool, out);
  const std::string text = out.ToString();
  RawHead raw;
  Require(ParseRequestHead(text, HeadLimits{1 << 20, 1000}, raw).status == ParseStatus::kComplete);
  Arena arena(pool, nullptr, nullptr);
  RequestHead again(arena);
  ConnectionUse use;
  Require(AdoptRequest(raw, absl::string_view(text).substr(0, raw.bytes), UnderscorePolicy::kAllow,
                       again, use)
              .status == 0);
  Require(again.method == head.method && again.path == head.path && again.query == head.query &&
          again.authority == head.authority && again.headers.count() == head.headers.count() &&
          again.body.kind == head.body.kind && again.body.length == head.body.length);
}

void FuzzRequest(absl::string_view input) {
  const HeadLimits limits{4096, 50};
  RawHead raw;
  const ParseResult whole = ParseRequestHead(input, limits, raw);
  const ParseResult half = ParseRequestHead(input.substr(0, input.size() / 2), limits, raw);
  if (half.status == ParseStatus::kError) Require(whole.status == ParseStatus::kError);
  if (ParseRequestHead(input, limits, raw).status != ParseStatus::kComplete) return;
  net::BlockPool pool(1 << 24);
  Arena arena(pool, nullptr, nullptr);
  RequestHead head(arena);
  ConnectionUse use;
  const LocalError error =
      AdoptRequest(raw, input.substr(0, raw.bytes), UnderscorePolicy::kAllow, head, use);
  if (error.status == 0) RoundTrip(head, pool);
}

void FuzzResponse(absl::string_view input) {
  RawHead raw;
  if (ParseResponseHead(input, HeadLimits(), raw).status != ParseStatus::kComplete) return;
  net::BlockPool pool(1 << 24);
  Arena arena(pool, nullptr, nullptr);
  ResponseHead head(arena);
  ConnectionUse use;
  AdoptResponse(raw, input.substr(0, raw.bytes), Method::kGet, head, use);
}

}  // namespace
}  // namespace sluice::http::h1

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  sluice::http::h1::FuzzRequest(input);
  sluice::http::h1::FuzzResponse(input);
  return 0;
}
