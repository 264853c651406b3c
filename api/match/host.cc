#include "api/match/host.h"

#include <arpa/inet.h>

#include <cstdint>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "api/match/hash.h"

namespace sluice::match {
namespace {

bool IsLabel(absl::string_view label) {
  if (label.empty() || label.size() > 63) return false;
  for (char c : label) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_') return false;
  }
  return label.front() != '-' && label.back() != '-';
}

bool IsName(absl::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (absl::string_view label : absl::StrSplit(name, '.')) {
    if (!IsLabel(label)) return false;
  }
  return true;
}

bool IsBracketedIpv6(absl::string_view text) {
  if (text.size() < 4 || text.front() != '[' || text.back() != ']') return false;
  in6_addr address;
  return inet_pton(AF_INET6, std::string(text.substr(1, text.size() - 2)).c_str(), &address) == 1;
}

// Eight letters at a time: in each byte the high bit of `at_least_a` says that it is at least "A",
// that of `above_z` that it is above "Z".
uint64_t LowerWord(uint64_t word) {
  constexpr uint64_t kOnes = 0x0101010101010101u;
  const uint64_t low_bits = word & kOnes * 0x7F;
  const uint64_t at_least_a = low_bits + kOnes * (0x80 - 'A');
  const uint64_t above_z = low_bits + kOnes * (0x7F - 'Z');
  const uint64_t is_upper = (at_least_a ^ above_z) & ~word & kOnes * 0x80;
  return word | is_upper >> 2;
}

void CopyLower(absl::string_view text, char* out) {
  const auto word_at = [&](size_t at) {
    const uint64_t word = LowerWord(LoadWord(text.data() + at));
    std::memcpy(out + at, &word, sizeof word);
  };
  if (text.size() >= 8) {
    for (size_t at = 0; at + 8 < text.size(); at += 8) word_at(at);
    word_at(text.size() - 8);  // Overlaps the one before: lower case stays.
    return;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    out[i] = absl::ascii_tolower(static_cast<unsigned char>(text[i]));
  }
}

Flaw NotAHost(absl::string_view text) {
  const std::string got = absl::StrCat("is not a host name, got \"", text, "\"");
  if (absl::StrContains(text, "://")) return {got, "the name alone, without scheme"};
  for (unsigned char c : text) {
    if (c >= 0x80) return {got, "international names as they are sent: xn--..."};
  }
  const absl::string_view name = text.substr(0, text.find(':'));
  if (name.size() < text.size() && IsName(name)) {
    return {absl::StrCat("has a port, which routes do not look at, got \"", text, "\""),
            absl::StrCat("\"", name, "\"")};
  }
  if (absl::StrContains(text, '*')) {
    return {got, "\"*\" only as the whole first label: \"*.example.com\""};
  }
  return {got, "labels of letters, digits, \"-\" and \"_\" with dots between: \"api.example.com\""};
}

}  // namespace

absl::string_view HostKey(absl::string_view host, char* buffer) {
  const size_t bracket = !host.empty() && host[0] == '[' ? host.find(']') : 0;
  if (bracket == absl::string_view::npos) return absl::string_view();
  host = host.substr(0, host.find(':', bracket));
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  if (host.size() > kMaxHostSize) return absl::string_view();
  CopyLower(host, buffer);
  return absl::string_view(buffer, host.size());
}

std::optional<Flaw> ParseHost(absl::string_view text, std::string* canonical) {
  if (text.empty()) return Flaw{"is empty", "a host name; for every host leave `hosts` out"};
  if (text == "*") return Flaw{"\"*\" is not a host name", "for every host leave `hosts` out"};
  absl::string_view name = text;
  const bool is_wildcard = absl::ConsumePrefix(&name, "*.");
  if (!is_wildcard && IsBracketedIpv6(text)) {
    *canonical = absl::AsciiStrToLower(text);
    return std::nullopt;
  }
  if (name.size() > 1) absl::ConsumeSuffix(&name, ".");
  if (!IsName(name)) return NotAHost(text);
  *canonical = absl::StrCat(is_wildcard ? "*." : "", absl::AsciiStrToLower(name));
  return std::nullopt;
}

bool HostCovers(absl::string_view canonical, absl::string_view host) {
  if (!IsWildcardHost(canonical)) return canonical == host;
  const absl::string_view suffix = canonical.substr(1);  // With its dot.
  return host.size() > suffix.size() && absl::EndsWith(host, suffix);
}

}  // namespace sluice::match
