#include "controlplane/web/api.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/resource/json.h"
#include "api/resource/message_json.h"
#include "api/resource/problem.h"
#include "api/resource/source.h"
#include "controlplane/admin/authorize.h"
#include "controlplane/admin/refusal.h"
#include "controlplane/web/json.h"
#include "controlplane/web/open_api.h"

namespace sluice::web {
namespace {

using resource::Problem;

Response Ok(std::string body) {
  Response response;
  response.body = std::move(body);
  return response;
}

Response Ok(const google::protobuf::Message& message) {
  return Ok(resource::MessageToJson(message) + "\n");
}

// What all changes have in common.
v1::ApplyRequest::Options OptionsOf(Parameters& parameters) {
  v1::ApplyRequest::Options options;
  options.set_dry_run(parameters.Bool("dry_run"));
  options.set_adopt(parameters.Bool("adopt"));
  options.set_allow_empty(parameters.Bool("allow_empty"));
  options.set_allow_skew(parameters.Bool("allow_skew"));
  options.set_prune(parameters.Text("prune").value_or(""));
  options.set_message(parameters.Text("message").value_or(""));
  options.set_author(parameters.Text("author").value_or(""));
  const std::optional<uint64_t> expect = parameters.OptionalUint("expect");
  if (expect.has_value()) options.set_expect(*expect);
  return options;
}

v1::ApplyItem ItemOf(resource::SourcedResource sourced) {
  v1::ApplyItem item;
  *item.mutable_resource() = std::move(sourced.resource);
  item.set_line(sourced.location.line);
  for (const auto& [field, line] : sourced.location.field_lines) {
    (*item.mutable_field_lines())[field] = line;
  }
  return item;
}

// Of {kind}; "all" is every kind and an empty name. 404 with a suggestion if there is none.
std::optional<Response> ReadKind(absl::string_view text, bool may_be_all, std::string* kind) {
  if (may_be_all && text == "all") return std::nullopt;
  const std::optional<resource::Kind> parsed = resource::ParseKind(text);
  if (parsed.has_value()) {
    *kind = std::string(resource::KindName(*parsed));
    return std::nullopt;
  }
  const absl::string_view nearest = resource::NearestKindName(text);
  return Refusal(404, absl::StrCat("there is no kind ", resource::Quoted(text)),
                 nearest.empty() ? "a kind such as \"routes\"" : absl::StrCat("perhaps ", nearest));
}

}  // namespace

Api::Api(admin::AdminService& admin, fleet::Fleet& fleet, const Clock& clock)
    : admin_(admin), fleet_(fleet), open_api_(OpenApiDocument()), changes_(clock), reads_(clock) {}

void Api::Handle(Request request, Respond respond) {
  if (request.method == "HEAD") request.method = "GET";
  Route route = FindOperation(request.method, request.path);
  if (route.methods.empty()) {
    return std::move(respond)(
        Refusal(404, absl::StrCat("there is nothing at ", request.path), "see /v1/openapi.json"));
  }
  if (route.operation == nullptr) {
    const std::string allowed = absl::StrJoin(route.methods, ", ");
    Response refusal = Refusal(405, absl::StrCat("not with ", request.method), allowed);
    refusal.headers.emplace_back("Allow", allowed);
    return std::move(respond)(std::move(refusal));
  }
  const absl::Status allowed =
      request.caller.CheckCall(absl::StrCat(route.operation->method, " ", route.operation->path));
  if (!allowed.ok()) return std::move(respond)(Refusal(allowed));
  loop::Loop& loop = request.method == "GET" ? reads_ : changes_;
  loop.Post([this, request = std::move(request), route = std::move(route),
             respond = std::move(respond)]() mutable {
    std::vector<absl::string_view> known;
    for (const Operation::Parameter& p : route.operation->parameters) known.push_back(p.name);
    Parameters parameters(request.parameters, known);
    const Call call{request, parameters, route.kind, route.name};
    std::move(respond)(Execute(*route.operation, call));
  });
}

Response Api::Execute(const Operation& operation, const Call& call) {
  if (!call.parameters.problems().empty()) return Refusal(400, call.parameters.problems());
  return Answer(operation.id, call);
}

Response Api::Answer(Operation::Id id, const Call& call) {
  switch (id) {
    case Operation::Id::kListResources:
      return ListResources(call);
    case Operation::Id::kGetResource:
      return GetResource(call);
    case Operation::Id::kDeleteResource:
      return DeleteResource(call);
    case Operation::Id::kApply:
      return Apply(call, false);
    case Operation::Id::kValidate:
      return Apply(call, true);
    case Operation::Id::kListGenerations:
      return ListGenerations(call);
    case Operation::Id::kDiff:
      return Diff(call);
    case Operation::Id::kRollback:
      return Rollback(call);
    case Operation::Id::kListProxies:
      return ListProxies(call);
    case Operation::Id::kOpenApi:
      return Ok(open_api_);
  }
  return Refusal(500, "no such operation");
}

Response Api::ListResources(const Call& call) {
  v1::ListRequest request;
  std::string kind;
  if (auto refusal = ReadKind(call.kind, true, &kind); refusal.has_value()) return *refusal;
  request.set_kind(kind);
  for (std::string& label : call.parameters.Texts("labels")) request.add_labels(std::move(label));
  request.set_generation(call.parameters.Uint("generation"));
  if (!call.parameters.problems().empty()) return Refusal(400, call.parameters.problems());
  auto stream = admin_.List(request);
  if (!stream.ok()) return Refusal(stream.status());
  std::string list;
  uint64_t generation = 0;
  for (v1::ListResponse part; (*stream)(part);) {
    generation = part.generation();
    for (const v1::Resource& resource : part.resources()) {
      absl::StrAppend(&list, list.empty() ? "" : ",", resource::ToJson(resource, true));
    }
  }
  return Ok(absl::StrCat("{\"generation\":", generation, ",\"resources\":[", list, "]}\n"));
}

Response Api::GetResource(const Call& call) {
  v1::GetRequest request;
  if (auto refusal = ReadKind(call.kind, false, request.mutable_key()->mutable_kind())) {
    return *refusal;
  }
  request.mutable_key()->set_name(call.name);
  request.set_generation(call.parameters.Uint("generation"));
  if (!call.parameters.problems().empty()) return Refusal(400, call.parameters.problems());
  const absl::StatusOr<v1::GetResponse> got = admin_.Get(request);
  if (!got.ok()) return Refusal(got.status());
  Response response = Ok(got->resource());
  // What an edit of it is to `expect`.
  response.headers.emplace_back("Sluice-Generation", absl::StrCat(got->generation()));
  return response;
}

Response Api::DeleteResource(const Call& call) {
  v1::DeleteRequest request;
  v1::ResourceKey& key = *request.add_keys();
  if (auto refusal = ReadKind(call.kind, false, key.mutable_kind())) return *refusal;
  key.set_name(call.name);
  *request.mutable_options() = OptionsOf(call.parameters);
  if (!call.parameters.problems().empty()) return Refusal(400, call.parameters.problems());
  const absl::Status allowed = admin::Authorize(call.request.caller, *request.mutable_options());
  if (!allowed.ok()) return Refusal(allowed);
  const absl::StatusOr<v1::ApplyResponse> done = admin_.Delete(request, call.request.peer);
  return done.ok() ? Ok(*done) : Refusal(done.status());
}

Response Api::Apply(const Call& call, bool only_validate) {
  v1::ApplyRequest request;
  *request.mutable_options() = OptionsOf(call.parameters);
  if (!call.parameters.problems().empty()) return Refusal(400, call.parameters.problems());
  if (only_validate) request.mutable_options()->set_dry_run(true);
  const absl::Status allowed = admin::Authorize(call.request.caller, *request.mutable_options());
  if (!allowed.ok()) return Refusal(allowed);
  resource::ReadResult read = resource::ReadJson(call.request.body);
  const bool is_readable = read.problems.empty();
  // Of what cannot be read, what could be is judged too: one answer names everything.
  if (!is_readable) request.mutable_options()->set_dry_run(true);
  for (resource::SourcedResource& sourced : read.resources) {
    *request.add_items() = ItemOf(std::move(sourced));
  }
  request.set_last(true);
  admin::ApplyCall apply;
  if (absl::Status status = apply.Add(std::move(request)); !status.ok()) return Refusal(status);
  const absl::StatusOr<v1::ApplyResponse> done = admin_.Apply(std::move(apply), call.request.peer);
  if (is_readable) return done.ok() ? Ok(*done) : Refusal(done.status());
  std::vector<Problem> problems = std::move(read.problems);
  if (!done.ok()) {
    for (Problem& problem : admin::ProblemsOf(done.status()))
      problems.push_back(std::move(problem));
  }
  resource::Sort(problems);
  return Refusal(400, problems);
}

Response Api::Rollback(const Call& call) {
  v1::RollbackRequest request;
  const std::vector<Problem> problems = ReadRollback(call.request.body, &request);
  if (!problems.empty()) return Refusal(400, problems);
  const absl::Status allowed = admin::Authorize(call.request.caller, *request.mutable_options());
  if (!allowed.ok()) return Refusal(allowed);
  const absl::StatusOr<v1::ApplyResponse> done = admin_.Rollback(request, call.request.peer);
  return done.ok() ? Ok(*done) : Refusal(done.status());
}

Response Api::ListGenerations(const Call& call) {
  v1::HistoryRequest request;
  request.set_limit(static_cast<uint32_t>(call.parameters.Uint("limit")));
  request.set_all(call.parameters.Bool("all"));
  if (!call.parameters.problems().empty()) return Refusal(400, call.parameters.problems());
  const absl::StatusOr<std::vector<v1::Commit>> commits = admin_.History(request);
  if (!commits.ok()) return Refusal(commits.status());
  std::vector<std::string> items;
  for (const v1::Commit& commit : *commits) items.push_back(resource::MessageToJson(commit));
  return Ok(ListJson("generations", items));
}

Response Api::Diff(const Call& call) {
  v1::DiffRequest request;
  request.set_from(call.parameters.Uint("from"));
  request.set_to(call.parameters.Uint("to"));
  if (!call.parameters.problems().empty()) return Refusal(400, call.parameters.problems());
  auto stream = admin_.Diff(request);
  if (!stream.ok()) return Refusal(stream.status());
  std::vector<std::string> items;
  for (v1::Change change; (*stream)(change);) items.push_back(resource::MessageToJson(change));
  return Ok(ListJson("changes", items));
}

Response Api::ListProxies(const Call& call) {
  const std::vector<std::string> groups = call.parameters.Texts("groups");
  std::vector<v1::ProxyStatus> proxies;
  fleet_.loop().PostAndWait([this, &proxies, &groups] { proxies = fleet_.List(groups); });
  std::vector<std::string> items;
  for (const v1::ProxyStatus& proxy : proxies) items.push_back(resource::MessageToJson(proxy));
  return Ok(ListJson("proxies", items));
}

}  // namespace sluice::web
