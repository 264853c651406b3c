// Answers as JSON.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "api/resource/problem.h"
#include "controlplane/web/http.h"

namespace sluice::web {

// {"NAME": [...]} of what is JSON already.
std::string ListJson(absl::string_view name, const std::vector<std::string>& items);

// {"problems": [...]}
Response Refusal(int status, const std::vector<resource::Problem>& problems);
// One problem that is of no resource.
Response Refusal(int status, absl::string_view problem, absl::string_view want = "");
// With the problems that it carries (controlplane/admin/refusal.h), else with its message.
Response Refusal(const absl::Status& status);

}  // namespace sluice::web
