#include "controlplane/admin/admin_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "controlplane/admin/keys.h"
#include "controlplane/admin/refusal.h"

namespace sluice::admin {
namespace {

using resource::Key;
using resource::Problem;

constexpr size_t kMostMessageBytes = 1024;
constexpr size_t kMostAuthorBytes = 256;

Problem OptionProblem(std::string field, std::string problem, std::string want) {
  return Problem{"", "", std::move(field), std::move(problem), std::move(want), "", 0};
}

Problem KeyProblem(const Key& key, std::string problem, std::string want) {
  return Problem{std::string(resource::KindName(key.kind)),
                 key.name,
                 "",
                 std::move(problem),
                 std::move(want),
                 "",
                 0};
}

// History is shown on terminals.
bool HasControl(absl::string_view text, absl::string_view allowed) {
  for (const char c : text) {
    const bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (is_control && allowed.find(c) == absl::string_view::npos) return true;
  }
  return false;
}

void CheckText(const std::string& field, const std::string& text, size_t most,
               absl::string_view allowed, Objections& objections) {
  if (text.size() > most) {
    objections.AddInvalid(OptionProblem(field, absl::StrCat("has ", text.size(), " bytes"),
                                        absl::StrCat("up to ", most)));
  }
  if (HasControl(text, allowed)) {
    objections.AddInvalid(OptionProblem(field, "has control characters", "printable text"));
  }
}

validate::ChangeSet ChangeSetOf(const Plan& plan) {
  validate::ChangeSet set;
  for (const PlannedChange& change : plan.changes) {
    if (change.after.has_value()) {
      set.upserts.push_back(&*change.after);
    } else {
      set.deletions.push_back(change.key);
    }
  }
  return set;
}

// The change that the problem is of; null if it is of something else.
const PlannedChange* FindChange(const Plan& plan, const Problem& problem) {
  const Key key{resource::KindOfName(problem.kind), "", problem.name};
  const auto found = std::lower_bound(
      plan.changes.begin(), plan.changes.end(), key,
      [](const PlannedChange& change, const Key& sought) { return change.key < sought; });
  return found != plan.changes.end() && found->key == key ? &*found : nullptr;
}

absl::StatusOr<RollbackScope> ReadScope(const v1::RollbackRequest& request,
                                        const store::State& state, const store::ResourceSet& past) {
  RollbackScope scope;
  ASSIGN_OR_RETURN(scope.labels,
                   resource::Selector::Parse({request.labels().begin(), request.labels().end()}));
  for (const v1::ResourceKey& key : request.keys()) {
    ASSIGN_OR_RETURN(scope.keys.emplace_back(), ReadKey(key));
    const Key& read = scope.keys.back();
    if (state.resources.Find(read) != nullptr || past.Find(read) != nullptr) continue;
    return Refusal(absl::StatusCode::kNotFound,
                   {KeyProblem(read, "exists neither then nor now", "")});
  }
  return scope;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdminService>> AdminService::Open(store::Ledger& ledger,
                                                                 const Clock& clock,
                                                                 SkewCheck skew) {
  std::unique_ptr<AdminService> service(new AdminService(ledger, clock, std::move(skew)));
  RETURN_IF_ERROR(service->LoadIndex());
  return service;
}

AdminService::AdminService(store::Ledger& ledger, const Clock& clock, SkewCheck skew)
    : ledger_(ledger), skew_(std::move(skew)), watches_(ledger, clock) {}

absl::Status AdminService::LoadIndex() {
  // In parts: parsed, 100,000 resources take ten times the room of their bytes.
  constexpr size_t kPart = 1000;
  MutexLock lock(mu_);
  const auto state = ledger_.state();
  for (auto next = state->resources.begin(); next != state->resources.end();) {
    std::vector<v1::Resource> part;
    for (; next != state->resources.end() && part.size() < kPart; ++next) {
      ASSIGN_OR_RETURN(part.emplace_back(), Parse(**next));
    }
    validate::ChangeSet set;
    for (const v1::Resource& resource : part) set.upserts.push_back(&resource);
    index_.Apply(set);
  }
  return absl::OkStatus();
}

void AdminService::CheckAsAWhole(Plan& plan) {
  for (Problem& problem : index_.Check(ChangeSetOf(plan))) {
    if (const PlannedChange* change = FindChange(plan, problem); change != nullptr) {
      problem.file = change->location.file;
      problem.line = change->location.LineOf(problem.field);
    }
    if (problem.is_warning) {
      plan.warnings.push_back(std::move(problem));
    } else {
      plan.objections.AddConflict(std::move(problem));
    }
  }
}

absl::StatusOr<v1::ApplyResponse> AdminService::Apply(ApplyCall call, const std::string& from) {
  if (!call.is_complete()) {
    return absl::InvalidArgumentError("the call ended before its last message: nothing was done");
  }
  MutexLock lock(mu_);
  const auto state = ledger_.state();
  Plan plan = PlanApply(*state, call.options(), call.TakeItems());
  return Execute(std::move(plan), *state, {call.options(), from});
}

absl::StatusOr<v1::ApplyResponse> AdminService::Delete(const v1::DeleteRequest& request,
                                                       const std::string& from) {
  v1::ApplyRequest::Options options = request.options();
  if (!options.prune().empty()) {
    return Refusal(absl::StatusCode::kInvalidArgument,
                   {OptionProblem("options.prune", "is for Apply only", "keys to delete")});
  }
  options.mutable_deletions()->MergeFrom(request.keys());
  MutexLock lock(mu_);
  const auto state = ledger_.state();
  return Execute(PlanApply(*state, options, {}), *state, {options, from});
}

absl::StatusOr<v1::ApplyResponse> AdminService::Rollback(const v1::RollbackRequest& request,
                                                         const std::string& from) {
  MutexLock lock(mu_);
  const auto state = ledger_.state();
  ASSIGN_OR_RETURN(const store::ResourceSet past, ledger_.ResourcesAt(request.generation()));
  ASSIGN_OR_RETURN(const RollbackScope scope, ReadScope(request, *state, past));
  return Execute(PlanRollback(*state, past, scope), *state,
                 {request.options(), from, request.generation()});
}

absl::StatusOr<v1::ApplyResponse> AdminService::Execute(Plan plan, const store::State& state,
                                                        const Call& call) {
  const v1::ApplyRequest::Options& options = call.options;
  CheckText("message", options.message(), kMostMessageBytes, "\n\t", plan.objections);
  CheckText("author", options.author(), kMostAuthorBytes, "", plan.objections);
  if (options.has_expect()) RETURN_IF_ERROR(CheckExpectation(plan, state, options.expect()));
  CheckAsAWhole(plan);
  if (skew_ != nullptr && !options.allow_skew()) {
    for (Problem& problem : skew_(plan.changes)) plan.objections.AddConflict(std::move(problem));
  }
  RETURN_IF_ERROR(plan.objections.status());

  v1::ApplyResponse response;
  response.set_dry_run(options.dry_run());
  response.set_generation(state.head.generation.number);
  for (const Problem& problem : plan.warnings)
    *response.add_problems() = resource::ToProto(problem);
  for (const PlannedChange& change : plan.changes) {
    std::optional<v1::Resource> before;
    if (change.before != nullptr) {
      ASSIGN_OR_RETURN(before, Parse(*change.before));
    }
    *response.add_changes() =
        ChangeOf(change.key, before.has_value() ? &*before : nullptr,
                 change.after.has_value() ? &*change.after : nullptr, options.dry_run());
  }
  if (!options.dry_run() && !plan.changes.empty()) {
    RETURN_IF_ERROR(Commit(plan, state, call, response));
  }
  return response;
}

absl::Status AdminService::CheckExpectation(const Plan& plan, const store::State& state,
                                            uint64_t generation) {
  if (generation > state.head.generation.number) {
    return absl::AbortedError(absl::StrCat("generation ", generation,
                                           " does not exist: the newest is ",
                                           state.head.generation.number));
  }
  if (generation >= state.head.configuration) return absl::OkStatus();
  std::vector<Problem> problems;
  const std::string problem = absl::StrCat("has changed since generation ", generation);
  bool creates = false;
  for (const PlannedChange& change : plan.changes) {
    creates = creates || change.before == nullptr;
    if (change.before == nullptr || change.before->changed_in <= generation) continue;
    problems.push_back(
        KeyProblem(change.key, problem, absl::StrCat("generation ", change.before->changed_in)));
  }
  if (creates) {
    // What is not there now may have been there then.
    absl::StatusOr<store::ResourceSet> then = ledger_.ResourcesAt(generation);
    if (!then.ok()) return absl::AbortedError(then.status().message());
    for (const PlannedChange& change : plan.changes) {
      if (change.before != nullptr || then->Find(change.key) == nullptr) continue;
      problems.push_back(KeyProblem(change.key, problem, "it is gone"));
    }
  }
  return problems.empty() ? absl::OkStatus()
                          : Refusal(absl::StatusCode::kAborted, std::move(problems));
}

absl::Status AdminService::Commit(const Plan& plan, const store::State& state, const Call& call,
                                  v1::ApplyResponse& response) {
  std::vector<store::ResourceWrite> writes;
  for (const PlannedChange& change : plan.changes) {
    writes.push_back(
        {change.key, change.after.has_value() ? std::make_optional(change.bytes) : std::nullopt});
  }
  store::CommitMeta meta;
  meta.author = call.options.author().empty() ? call.from : call.options.author();
  meta.from = call.from;
  meta.message = call.options.message();
  meta.rollback_of = call.rollback_of;
  ASSIGN_OR_RETURN(const std::shared_ptr<const store::State> committed,
                   ledger_.Commit(std::move(writes), meta, state.head.configuration));
  index_.Apply(ChangeSetOf(plan));
  response.set_generation(committed->head.generation.number);
  LOG(INFO) << "generation " << response.generation() << " committed by " << meta.author << " from "
            << meta.from << ": " << plan.changes.size() << " changed";
  return absl::OkStatus();
}

v1::GetVersionResponse AdminService::GetVersion() const {
  v1::GetVersionResponse response;
  response.set_build(std::string(kVersion));
  response.set_schema(kSchema);
  response.set_generation(ledger_.state()->head.generation.number);
  return response;
}

}  // namespace sluice::admin
