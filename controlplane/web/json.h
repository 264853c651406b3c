// Answers as JSON: flat and snake_case, as resources are.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "api/resource/problem.h"
#include "controlplane/web/http.h"

namespace google::protobuf {
class Message;
}

namespace sluice::web {

// The message in the shape of the configuration: enumerations in lower case, durations as "15s",
// times as RFC 3339, bytes as hexadecimal digits, resources flat, a ResourceKey as `kind` and
// `name` beside the other fields. Numbers, texts and lists are always there, messages only if set.
std::string ToJson(const google::protobuf::Message& message);

// {"NAME": [...]} of what is JSON already.
std::string ListJson(absl::string_view name, const std::vector<std::string>& items);

// {"problems": [...]}
Response Refusal(int status, const std::vector<resource::Problem>& problems);
// One problem that is of no resource.
Response Refusal(int status, absl::string_view problem, absl::string_view want = "");
// With the problems that it carries (controlplane/admin/refusal.h), else with its message.
Response Refusal(const absl::Status& status);

}  // namespace sluice::web
