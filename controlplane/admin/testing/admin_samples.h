// Resources, requests and views of answers that tests of the admin service share.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "controlplane/admin/refusal.h"
#include "sluice/v1/admin.pb.h"

namespace sluice::admin {

inline constexpr char kOrders[] = R"(
kind: Upstream
name: orders
endpoints: [{address: "10.0.0.1:8080"}]
---
kind: Route
name: orders
paths: [/orders]
upstream: orders
)";

inline constexpr char kAlice[] = R"(
kind: Consumer
name: alice
credentials: {key_auth: [{key: s3cret}]}
)";

// SHA-256 of "s3cret".
inline constexpr char kAliceHash[] =
    "sha256:1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0";

inline std::string Upstream(const std::string& name, const std::string& more = "") {
  return absl::StrCat("kind: Upstream\nname: ", name, "\n", more, "---\n");
}

inline std::vector<std::string> Texts(const absl::Status& status) {
  std::vector<std::string> texts;
  for (const resource::Problem& problem : ProblemsOf(status)) {
    texts.push_back(resource::ToString(problem));
  }
  return texts;
}

inline std::vector<std::string> Actions(const v1::ApplyResponse& response) {
  std::vector<std::string> actions;
  for (const v1::Change& change : response.changes()) {
    actions.push_back(absl::StrCat(v1::Change::Action_Name(change.action()), " ",
                                   change.key().kind(), "/", change.key().name()));
  }
  return actions;
}

inline v1::ApplyRequest::Options DryRun() {
  v1::ApplyRequest::Options options;
  options.set_dry_run(true);
  return options;
}

inline v1::ApplyRequest::Options Expect(uint64_t generation) {
  v1::ApplyRequest::Options options;
  options.set_expect(generation);
  return options;
}

inline v1::ApplyRequest::Options Prune(const std::string& label, bool adopts = false) {
  v1::ApplyRequest::Options options;
  options.set_prune(label);
  options.set_adopt(adopts);
  return options;
}

}  // namespace sluice::admin
