#include "api/match/testing/reference_matcher.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

#include <re2/re2.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace sluice::match {
namespace {

using Strings = std::vector<std::string>;
// Host, priority, path, segments, predicates, name: the smaller the better.
using Rank = std::tuple<int, int64_t, int, std::vector<int>, int64_t, std::string>;

bool Matches(const std::string& pattern, const std::string& text) {
  const bool is_ascii =
      std::all_of(pattern.begin(), pattern.end(), [](char c) { return (c & 0x80) == 0; }) &&
      !absl::StrContains(pattern, "\\p") && !absl::StrContains(pattern, "\\P") &&
      !absl::StrContains(pattern, "\\x{");
  RE2::Options options(is_ascii ? RE2::Latin1 : RE2::DefaultOptions);
  options.set_log_errors(false);
  return RE2::FullMatch(text, RE2(pattern, options));
}

std::string HostOf(std::string host) {
  if (host.empty()) return host;
  const size_t colon = host[0] == '[' ? host.find(':', host.find(']')) : host.find(':');
  if (host[0] == '[' && !absl::StrContains(host, "]")) return "";
  host = absl::AsciiStrToLower(host.substr(0, colon));
  if (absl::EndsWith(host, ".")) host.pop_back();
  return host.size() > 255 ? "" : host;
}

std::optional<int> HostRank(std::string wanted, const std::string& host) {
  wanted = absl::AsciiStrToLower(wanted);
  if (absl::EndsWith(wanted, ".")) wanted.pop_back();
  if (host.empty()) return std::nullopt;
  if (wanted == host) return 0;
  if (wanted[0] != '*') return std::nullopt;
  const std::string suffix = wanted.substr(1);
  if (host.size() <= suffix.size() || !absl::EndsWith(host, suffix)) return std::nullopt;
  return 1000 - static_cast<int>(suffix.size());
}

bool IsVariable(const std::string& segment) {
  return absl::StartsWith(segment, "{") && absl::EndsWith(segment, "}");
}
bool IsRest(const std::string& segment) {
  return segment == "*" || (IsVariable(segment) && absl::EndsWith(segment, "*}"));
}

// Kind of path, then kinds of segments: literal, variable, end, rest.
std::optional<std::pair<int, std::vector<int>>> PathRank(const std::string& wanted,
                                                         const std::string& path) {
  const bool is_absolute = absl::StartsWith(path, "/");
  if (wanted[0] == '~') {
    if (!is_absolute || !Matches(wanted.substr(1), path)) return std::nullopt;
    return {{1, {}}};
  }
  Strings wants = absl::StrSplit(wanted.substr(1), '/');
  Strings has;
  if (is_absolute) has = absl::StrSplit(path.substr(1), '/');
  std::vector<int> kinds;
  bool is_exact = true;
  size_t i = 0;
  for (const std::string& want : wants) {
    if (IsRest(want)) {
      kinds.push_back(3);
      return {{2, kinds}};
    }
    if (i == has.size()) return std::nullopt;
    const bool is_variable = IsVariable(want);
    if (is_variable ? has[i].empty() : has[i] != want) return std::nullopt;
    kinds.push_back(is_variable ? 1 : 0);
    is_exact &= !is_variable;
    ++i;
  }
  if (i != has.size()) return std::nullopt;
  if (is_exact) return {{0, {}}};
  kinds.push_back(2);
  return {{2, kinds}};
}

bool Holds(const std::string& predicate, const Strings& values) {
  if (predicate == "*") return !values.empty();
  if (predicate == "!") return values.empty();
  return std::any_of(values.begin(), values.end(), [&](const std::string& value) {
    return absl::StartsWith(predicate, "~") ? Matches(predicate.substr(1), value)
                                            : value == predicate;
  });
}

std::string Decoded(const std::string& text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '%' && i + 2 < text.size() &&
                           absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 1])) &&
                           absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 2]));
    if (is_escape) {
      decoded.push_back(static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16)));
      i += 2;
    } else {
      decoded.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return decoded;
}

std::pair<std::string, std::string> NameAndValue(absl::string_view text) {
  return absl::StrSplit(text, absl::MaxSplits('=', 1));
}

Strings HeaderValues(const TestRequest& request, const std::string& name) {
  Strings values;
  for (const auto& [key, value] : request.headers) {
    if (key == absl::AsciiStrToLower(name)) values.push_back(value);
  }
  return values;
}

Strings QueryValues(const TestRequest& request, const std::string& name) {
  Strings values;
  if (request.query.empty()) return values;
  for (absl::string_view part : absl::StrSplit(request.query, '&')) {
    const auto [key, value] = NameAndValue(part);
    if (Decoded(key) == name) values.push_back(Decoded(value));
  }
  return values;
}

Strings CookieValues(const TestRequest& request, const std::string& name) {
  Strings values;
  for (const std::string& line : HeaderValues(request, "cookie")) {
    for (absl::string_view part : absl::StrSplit(line, ';')) {
      const auto [key, value] = NameAndValue(part);
      if (absl::StripAsciiWhitespace(key) == name) {
        values.emplace_back(absl::StripAsciiWhitespace(value));
      }
    }
  }
  return values;
}

bool IsPrefix(const std::array<unsigned char, 16>& a, const std::array<unsigned char, 16>& b,
              int bits) {
  for (int i = 0; i < bits; ++i) {
    const int mask = 0x80 >> (i % 8);
    const auto byte = static_cast<size_t>(i / 8);
    if ((a[byte] & mask) != (b[byte] & mask)) return false;
  }
  return true;
}

// 16 bytes, IPv4 mapped, and how many bits of them are before the address's own.
std::optional<std::pair<std::array<unsigned char, 16>, int>> Address(const std::string& text) {
  std::array<unsigned char, 16> bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  if (inet_pton(AF_INET, text.c_str(), &bytes[12]) == 1) return {{bytes, 96}};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return {{bytes, 0}};
  return std::nullopt;
}

// Bit by bit.
bool IsInRange(const std::string& range, const std::string& address) {
  const Strings parts = absl::StrSplit(range, '/');
  const auto low = Address(parts[0]);
  const auto has = Address(address);
  if (!low.has_value() || !has.has_value()) return false;
  const int bits = parts.size() == 2 ? std::stoi(parts[1]) + low->second : 128;
  const bool is_mapped = IsPrefix(Address("0.0.0.0")->first, has->first, 96);
  if (is_mapped && bits < 96) return false;
  return IsPrefix(low->first, has->first, bits);
}

bool HoldsButMethods(const RouteSpec& route, const TestRequest& request) {
  for (const auto& [name, wanted] : route.headers) {
    if (!Holds(wanted, HeaderValues(request, name))) return false;
  }
  for (const auto& [name, wanted] : route.query) {
    if (!Holds(wanted, QueryValues(request, name))) return false;
  }
  for (const auto& [name, wanted] : route.cookies) {
    if (!Holds(wanted, CookieValues(request, name))) return false;
  }
  return route.client_ips.empty() ||
         std::any_of(route.client_ips.begin(), route.client_ips.end(),
                     [&](const auto& range) { return IsInRange(range, request.client_ip); });
}

bool HasMethod(const RouteSpec& route, const std::string& method) {
  if (route.methods.empty()) return true;
  return std::any_of(route.methods.begin(), route.methods.end(), [&](const auto& wanted) {
    return wanted == method || (wanted == "GET" && method == "HEAD");
  });
}

// Of the pairs of host and path that match, the best.
std::optional<Rank> RankOf(const RouteSpec& route, const TestRequest& request) {
  if (!HoldsButMethods(route, request)) return std::nullopt;
  const auto predicates =
      static_cast<int64_t>(route.headers.size() + route.query.size() + route.cookies.size() +
                           (route.methods.empty() ? 0 : 1) + (route.client_ips.empty() ? 0 : 1));
  std::optional<int> host_rank;
  if (route.hosts.empty()) host_rank = 2000;
  for (const std::string& host : route.hosts) {
    const auto rank = HostRank(host, HostOf(request.host));
    if (rank.has_value()) host_rank = std::min(host_rank.value_or(*rank), *rank);
  }
  if (!host_rank.has_value()) return std::nullopt;
  std::optional<Rank> best;
  for (const std::string& path : route.paths.empty() ? Strings{"/*"} : route.paths) {
    const auto rank = PathRank(path, request.path);
    if (!rank.has_value()) continue;
    const Rank whole = {
        *host_rank, -int64_t{route.priority}, rank->first, rank->second, -predicates, route.name};
    if (!best.has_value() || whole < *best) best = whole;
  }
  return best;
}

}  // namespace

std::optional<std::string> ReferenceMatcher::Match(const TestRequest& request) const {
  std::optional<Rank> best;
  for (const auto& [name, route] : routes) {
    if (!HasMethod(route, request.method)) continue;
    const auto rank = RankOf(route, request);
    if (rank.has_value() && (!best.has_value() || *rank < *best)) best = rank;
  }
  if (!best.has_value()) return std::nullopt;
  return std::get<5>(*best);
}

std::set<std::string> ReferenceMatcher::AllowedMethods(const TestRequest& request) const {
  std::set<std::string> methods;
  for (const auto& [name, route] : routes) {
    if (!RankOf(route, request).has_value()) continue;
    methods.insert(route.methods.begin(), route.methods.end());
    if (std::count(route.methods.begin(), route.methods.end(), "GET") > 0) methods.insert("HEAD");
  }
  return methods;
}

}  // namespace sluice::match
