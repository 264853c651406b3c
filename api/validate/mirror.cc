#include <set>

#include "absl/strings/str_cat.h"
#include "api/resource/problem.h"
#include "api/validate/bounds.h"
#include "api/validate/kinds.h"
#include "api/validate/syntax.h"
#include "sluice/v1/route.pb.h"

namespace sluice::validate {
namespace {

using resource::Quoted;

constexpr int kMaxMirrors = 4;

// What may serve a request must not be slowed down by copies of it: they count at its breakers.
bool Serves(const v1::Route& route, absl::string_view upstream) {
  if (route.upstream() == upstream) return true;
  for (const v1::WeightedUpstream& weighted : route.upstreams()) {
    if (weighted.upstream() == upstream) return true;
  }
  return false;
}

}  // namespace

void CheckMirrors(const v1::Route& route, const Field& field) {
  CheckCount(field.At("mirrors"), route.mirrors_size(), kMaxMirrors, "mirrors");
  std::set<absl::string_view> seen;
  for (int i = 0; i < route.mirrors_size(); ++i) {
    const v1::Route::Mirror& mirror = route.mirrors(i);
    const Field element = field.At("mirrors", static_cast<size_t>(i));
    if (!mirror.percent().empty() && !ParsePercent(mirror.percent()).has_value()) {
      element.At("percent").Refuse(absl::StrCat("no percentage, got ", Quoted(mirror.percent())),
                                   "0% to 100%");
    }
    CheckSubset(mirror.subset(), SubsetValues::kOrHeaders, element.At("subset"));
    if (mirror.upstream().empty()) continue;  // Said already.
    if (!seen.insert(mirror.upstream()).second) {
      element.At("upstream")
          .Refuse(absl::StrCat("given twice, got ", Quoted(mirror.upstream())),
                  "each upstream once");
    } else if (Serves(route, mirror.upstream())) {
      element.At("upstream")
          .Refuse(absl::StrCat("serves the requests themselves, got ", Quoted(mirror.upstream())),
                  "another upstream; it may have the same endpoints");
    }
  }
}

}  // namespace sluice::validate
