#include "api/match/match_keys.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace sluice::match {
namespace {

void AppendNamed(absl::string_view field, const std::vector<NamedPredicate>& predicates,
                 std::string* key) {
  for (const NamedPredicate& predicate : predicates) {
    absl::StrAppend(key, " ", field, ".", absl::CEscape(predicate.name), "=\"",
                    absl::CEscape(predicate.value.text()), "\"");
  }
}

std::string PredicateKey(const Predicates& predicates) {
  std::string key;
  if (!predicates.methods.empty()) {
    const std::vector<absl::string_view> others(predicates.methods.others().begin(),
                                                predicates.methods.others().end());
    absl::StrAppend(&key, " methods=", JoinMethods(predicates.methods.bits(), others));
  }
  if (!predicates.client_ips.empty()) {
    absl::StrAppend(&key, " client_ips=", predicates.client_ips.Canonical());
  }
  AppendNamed("headers", predicates.headers, &key);
  AppendNamed("query", predicates.query, &key);
  AppendNamed("cookies", predicates.cookies, &key);
  return key;
}

}  // namespace

std::vector<std::string> MatchKeys(const CompiledSpec& spec) {
  const std::string predicates =
      spec.predicates() == nullptr ? "" : PredicateKey(*spec.predicates());
  std::vector<absl::string_view> hosts(spec.hosts().begin(), spec.hosts().end());
  if (hosts.empty()) hosts.push_back("*");  // No host is named so.
  std::vector<std::string> keys;
  keys.reserve(hosts.size() * spec.paths().size());
  for (absl::string_view host : hosts) {
    for (const CompiledSpec::Path& path : spec.paths()) {
      keys.push_back(absl::StrCat("host=", host, " path=\"",
                                  absl::CEscape(PathShape(path.text, path.kind)),
                                  "\" priority=", spec.priority(), predicates));
    }
  }
  return keys;
}

}  // namespace sluice::match
