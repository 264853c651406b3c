#include "controlplane/main/skew.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/resource/schema.h"
#include "controlplane/fleet/view/needs.h"

namespace sluice::main {
namespace {

// Of the proxies that are named; the rest is counted.
constexpr size_t kMostNamed = 10;

std::string Describe(const fleet::Unreadable& proxy) {
  return proxy.missing_plugins.empty()
             ? absl::StrCat(proxy.node, " (", proxy.build, ", schema ", proxy.schema, ")")
             : absl::StrCat(proxy.node, " (", proxy.build, ", without ",
                            absl::StrJoin(proxy.missing_plugins, ", "), ")");
}

// The first field that came after the lowest schema among `proxies`, or the plugin that one lacks.
std::string FieldOf(const v1::Resource& resource, const std::vector<fleet::Unreadable>& proxies) {
  uint32_t lowest = ~uint32_t{0};
  for (const fleet::Unreadable& proxy : proxies) {
    if (!proxy.missing_plugins.empty()) return absl::StrCat("plugins.", proxy.missing_plugins[0]);
    lowest = std::min(lowest, proxy.schema);
  }
  for (resource::LateField& late : resource::LateFields(resource)) {
    if (late.since > lowest) return std::move(late.field);
  }
  return "";
}

std::string DescribeAll(const std::vector<fleet::Unreadable>& proxies) {
  std::vector<std::string> named;
  for (const fleet::Unreadable& proxy : proxies) {
    if (named.size() == kMostNamed) break;
    named.push_back(Describe(proxy));
  }
  if (proxies.size() > named.size()) {
    named.push_back(absl::StrCat(proxies.size() - named.size(), " more"));
  }
  return absl::StrJoin(named, ", ");
}

resource::Problem MakeProblem(const admin::PlannedChange& change,
                              const std::vector<fleet::Unreadable>& proxies) {
  resource::Problem problem;
  problem.kind = std::string(resource::KindName(change.key.kind));
  problem.name = change.key.name;
  problem.field = FieldOf(*change.after, proxies);
  problem.problem = absl::StrCat("cannot be read by connected proxies: ", DescribeAll(proxies));
  problem.want = "newer proxies first, or --allow-skew: then these are held at what they have";
  problem.file = change.location.file;
  problem.line = change.location.LineOf(problem.field);
  return problem;
}

}  // namespace

std::string DescribeUnreadable(const fleet::Fleet& fleet, uint32_t schema) {
  fleet::Needs needs;
  needs.schema = schema;
  return DescribeAll(fleet.CannotRead(needs));
}

std::vector<resource::Problem> FindSkew(const fleet::Fleet& fleet,
                                        absl::Span<const admin::PlannedChange> changes) {
  std::vector<resource::Problem> problems;
  for (const admin::PlannedChange& change : changes) {
    if (!change.after.has_value()) continue;
    const fleet::Needs needs = fleet::NeedsOf(change.key, *change.after);
    std::vector<fleet::Unreadable> proxies = fleet.CannotRead(needs);
    if (change.before != nullptr) {
      const std::vector<fleet::Unreadable> already =
          fleet.CannotRead(fleet::NeedsOf(change.key, change.before->bytes));
      std::erase_if(proxies, [&already](const fleet::Unreadable& proxy) {
        return std::any_of(already.begin(), already.end(),
                           [&proxy](const auto& other) { return other.node == proxy.node; });
      });
    }
    if (!proxies.empty()) problems.push_back(MakeProblem(change, proxies));
  }
  return problems;
}

}  // namespace sluice::main
