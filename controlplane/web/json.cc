#include "controlplane/web/json.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/resource/message_json.h"
#include "api/resource/text.h"
#include "controlplane/admin/refusal.h"
#include "sluice/v1/problem.pb.h"

namespace sluice::web {
namespace {

int HttpCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return 409;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
      return 503;
    default:
      return 500;
  }
}

}  // namespace

std::string ListJson(absl::string_view name, const std::vector<std::string>& items) {
  return absl::StrCat("{", resource::QuoteJson(name), ":[", absl::StrJoin(items, ","), "]}\n");
}

Response Refusal(int status, const std::vector<resource::Problem>& problems) {
  std::vector<std::string> items;
  for (const resource::Problem& problem : problems) {
    items.push_back(resource::MessageToJson(resource::ToProto(problem)));
  }
  Response response;
  response.status = status;
  response.body = ListJson("problems", items);
  return response;
}

Response Refusal(int status, absl::string_view problem, absl::string_view want) {
  resource::Problem one;
  one.problem = std::string(problem);
  one.want = std::string(want);
  return Refusal(status, std::vector<resource::Problem>{one});
}

Response Refusal(const absl::Status& status) {
  const int code = HttpCode(status.code());
  const std::vector<resource::Problem> problems = admin::ProblemsOf(status);
  return problems.empty() ? Refusal(code, status.message()) : Refusal(code, problems);
}

}  // namespace sluice::web
