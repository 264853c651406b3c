#include "api/match/method.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::match {
namespace {

// Bit i is kNames[i].
constexpr std::array<absl::string_view, 9> kNames = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"};

bool IsToken(absl::string_view text) {
  constexpr absl::string_view kOthers = "!#$%&'*+-.^_`|~";
  for (char c : text) {
    const bool is_alnum = absl::ascii_isalnum(static_cast<unsigned char>(c));
    if (!is_alnum && kOthers.find(c) == absl::string_view::npos) return false;
  }
  return !text.empty();
}

}  // namespace

MethodBits MethodBit(absl::string_view method) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (method == kNames[i]) return static_cast<MethodBits>(1 << i);
  }
  return kOtherMethod;
}

std::optional<Flaw> MethodSet::Add(absl::string_view method) {
  if (!IsToken(method)) {
    return Flaw{absl::StrCat("is not a method, got \"", method, "\""), "a token such as \"GET\""};
  }
  const MethodBits bit = MethodBit(method);
  const std::string upper = absl::AsciiStrToUpper(method);
  if (bit == kOtherMethod && MethodBit(upper) != kOtherMethod) {
    return Flaw{absl::StrCat("is another method than ", upper,
                             ": upper and lower case differ, got \"", method, "\""),
                absl::StrCat("\"", upper, "\"")};
  }
  if (bit == kOtherMethod) {
    const auto at = std::lower_bound(others_.begin(), others_.end(), method);
    if (at == others_.end() || *at != method) others_.emplace(at, method);
  }
  bits_ = static_cast<MethodBits>(bits_ | bit | (bit == kGet ? kHead : 0));
  return std::nullopt;
}

bool MethodSet::Contains(absl::string_view method, MethodBits bit) const {
  if ((bits_ & bit) == 0) return false;
  return bit != kOtherMethod || std::binary_search(others_.begin(), others_.end(), method);
}

std::string JoinMethods(MethodBits bits, absl::Span<const absl::string_view> others) {
  std::vector<absl::string_view> names;
  for (size_t i = 0; i < kNames.size(); ++i) {
    if ((bits & (1 << i)) != 0) names.push_back(kNames[i]);
  }
  names.insert(names.end(), others.begin(), others.end());
  return absl::StrJoin(names, ", ");
}

}  // namespace sluice::match
