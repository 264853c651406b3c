#include "proxy/exchange/split.h"

#include "absl/strings/str_cat.h"
#include "proxy/upstream/balancer/stable_hash.h"

namespace sluice::exchange {
namespace {

constexpr absl::string_view kSecure = "; Secure";

}  // namespace

Split::Split(std::vector<SplitTarget> targets, StickyCookie cookie)
    : targets_(std::move(targets)), cookie_name_(cookie.name) {
  for (const SplitTarget& target : targets_) {
    if (target.when == nullptr) total_weight_ += target.weight;
    if (!cookie_name_.empty()) cookies_.push_back(MakeCookie(target.upstream, cookie));
  }
}

// The name is not told: it may be nobody's business. Of its hash one can only ask whether it is
// that of a name one knows. The same for every route, so that two routes over the same upstreams
// may share a cookie.
Split::Cookie Split::MakeCookie(const std::string& upstream, const StickyCookie& cookie) const {
  Cookie made;
  const std::string value =
      absl::StrCat(absl::Hex(upstream::StableHash(upstream), absl::kZeroPad16));
  made.begin = cookie.name.size() + 1;
  made.size = value.size();
  made.text = absl::StrCat(cookie.name, "=", value, "; Path=", cookie.path);
  if (cookie.ttl_seconds > 0) absl::StrAppend(&made.text, "; Max-Age=", cookie.ttl_seconds);
  absl::StrAppend(&made.text, "; HttpOnly; SameSite=Lax", kSecure);
  return made;
}

Split::Choice Split::Choose(const match::RequestView& request, absl::string_view cookie,
                            bool is_secure, uint64_t random) const {
  for (const SplitTarget& target : targets_) {
    if (target.when == nullptr) continue;
    const match::Predicates* predicates = target.when->predicates();
    if (predicates == nullptr || predicates->HoldButMethods(request)) return {&target, {}};
  }
  if (total_weight_ == 0) return {};
  uint64_t left = random % total_weight_;
  size_t drawn = 0;
  for (size_t i = 0; i < targets_.size(); ++i) {
    const SplitTarget& target = targets_[i];
    if (target.when != nullptr || target.weight == 0) continue;
    if (!cookie.empty() && !cookies_.empty() && cookies_[i].value() == cookie) return {&target, {}};
    if (left < target.weight) drawn = i;
    // Beyond the drawn one it wraps around, and stays above every weight.
    left -= target.weight;
  }
  if (cookies_.empty()) return {&targets_[drawn], {}};
  absl::string_view text = cookies_[drawn].text;
  if (!is_secure) text.remove_suffix(kSecure.size());
  return {&targets_[drawn], text};
}

}  // namespace sluice::exchange
