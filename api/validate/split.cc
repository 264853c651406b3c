#include "sluice/v1/split.pb.h"

#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/match/compiled_spec.h"
#include "api/resource/problem.h"
#include "api/validate/bounds.h"
#include "api/validate/kinds.h"
#include "api/validate/resource.h"
#include "api/validate/syntax.h"

namespace sluice::validate {
namespace {

using resource::Quoted;

constexpr int kMaxUpstreams = 64;
constexpr int kMaxConditions = 32;
constexpr uint32_t kMaxWeight = 1'000'000;
constexpr size_t kMaxCookiePath = 1024;

void CheckWhen(const v1::WeightedUpstream::When& when, const Field& field) {
  const match::RouteSpec spec = SpecOfWhen(when);
  if (spec.headers.empty() && spec.query.empty() && spec.cookies.empty()) {
    return field.Refuse("asks for nothing",
                        "headers, query or cookies, or the field left out for a share by weight");
  }
  CheckCount(field.At("headers"), static_cast<int>(spec.headers.size()), kMaxConditions, "headers");
  CheckCount(field.At("query"), static_cast<int>(spec.query.size()), kMaxConditions, "parameters");
  CheckCount(field.At("cookies"), static_cast<int>(spec.cookies.size()), kMaxConditions, "cookies");
  std::vector<match::SpecProblem> flaws;
  if (match::Compile(spec, &flaws).ok()) return;
  for (match::SpecProblem& flaw : flaws) {
    field.At(flaw.field).Refuse(std::move(flaw.problem), std::move(flaw.want));
  }
}

bool IsCookiePath(absl::string_view path) {
  if (!absl::StartsWith(path, "/") || path.size() > kMaxCookiePath) return false;
  for (const char c : path) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c)) || c == ';') return false;
  }
  return true;
}

void CheckSticky(const v1::Sticky& sticky, const Field& field) {
  // Names of both are tokens (RFC 6265 section 4.1.1).
  if (!sticky.cookie().empty() && CheckHeaderName(sticky.cookie()).has_value()) {
    field.At("cookie").Refuse(absl::StrCat("no name of a cookie, got ", Quoted(sticky.cookie())),
                              "letters, digits and hyphens, such as lane");
  }
  if (sticky.has_ttl()) {
    CheckDuration(field.At("ttl"), sticky.ttl(), absl::Seconds(1), absl::Hours(9600));
  }
  if (!sticky.path().empty() && !IsCookiePath(sticky.path())) {
    field.At("path").Refuse(absl::StrCat("no path of a cookie, got ", Quoted(sticky.path())),
                            "\"/\" and up to 1023 visible characters without \";\"");
  }
}

}  // namespace

match::RouteSpec SpecOfWhen(const v1::WeightedUpstream::When& when) {
  match::RouteSpec spec;
  spec.headers = {when.headers().begin(), when.headers().end()};
  spec.query = {when.query().begin(), when.query().end()};
  spec.cookies = {when.cookies().begin(), when.cookies().end()};
  return spec;
}

void CheckSplit(const google::protobuf::RepeatedPtrField<v1::WeightedUpstream>& upstreams,
                const v1::Sticky* sticky, const Field& field) {
  if (sticky != nullptr) {
    CheckSticky(*sticky, field.At("sticky"));
    if (upstreams.empty()) {
      field.At("sticky").Refuse("has no effect without upstreams", "upstreams to choose from");
    }
  }
  if (upstreams.empty()) return;
  CheckCount(field.At("upstreams"), upstreams.size(), kMaxUpstreams, "upstreams");
  uint64_t sum = 0;
  std::set<absl::string_view> weighted;
  for (int i = 0; i < upstreams.size(); ++i) {
    const v1::WeightedUpstream& upstream = upstreams[i];
    const Field element = field.At("upstreams", static_cast<size_t>(i));
    if (upstream.has_weight()) CheckRange(element.At("weight"), upstream.weight(), 0, kMaxWeight);
    if (upstream.has_when()) {
      CheckWhen(upstream.when(), element.At("when"));
      if (upstream.has_weight()) {
        element.At("weight").Refuse("has no effect beside when",
                                    "one of the two, or an element for each");
      }
      continue;
    }
    sum += upstream.has_weight() ? upstream.weight() : 1;
    if (!upstream.upstream().empty() && !weighted.insert(upstream.upstream()).second) {
      element.At("upstream")
          .Refuse(absl::StrCat("has a weight already, got ", Quoted(upstream.upstream())),
                  "each upstream once among those without when");
    }
  }
  if (sum == 0) {
    field.At("upstreams")
        .Refuse("nothing takes the requests that no when takes",
                "at least one without when whose weight is above 0");
  }
}

}  // namespace sluice::validate
