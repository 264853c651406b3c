// Reads and changes desired configuration: the logic of v1::Admin, for gRPC and JSON alike.
//
//   ApplyCall call;
//   RETURN_IF_ERROR(call.Add(request));
//   ASSIGN_OR_RETURN(v1::ApplyResponse response, admin.Apply(std::move(call), "10.0.0.9:4711"));
//
// Every change goes the same way: a plan is made from the newest state, checked as a whole, and
// committed as one generation or not at all. What it refuses carries its problems (refusal.h).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "api/resource/problem.h"
#include "api/validate/index.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "controlplane/admin/apply_call.h"
#include "controlplane/admin/plan.h"
#include "controlplane/admin/queries.h"
#include "controlplane/admin/watch.h"
#include "controlplane/store/ledger.h"
#include "sluice/v1/admin.pb.h"

namespace sluice::admin {

// One problem for each resource that a connected proxy could not read, naming the field and the
// proxies. Called with what a commit would write; any thread.
using SkewCheck =
    std::function<std::vector<resource::Problem>(absl::Span<const PlannedChange> changes)>;

// Thread: any. Everything but watches() may wait for the disk, changes for each other.
// Lifetime: `ledger` and `clock` outlive it, and it its watches. It is the only one to commit
//   resources to the ledger.
// Errors: as api/sluice/v1/admin.proto has them.
class AdminService {
 public:
  // Takes in all that the ledger holds.
  static absl::StatusOr<std::unique_ptr<AdminService>> Open(store::Ledger& ledger,
                                                            const Clock& clock, SkewCheck skew);
  AdminService(const AdminService&) = delete;
  AdminService& operator=(const AdminService&) = delete;

  // `from`: address of the caller.
  absl::StatusOr<v1::ApplyResponse> Apply(ApplyCall call, const std::string& from);
  absl::StatusOr<v1::ApplyResponse> Delete(const v1::DeleteRequest& request,
                                           const std::string& from);
  absl::StatusOr<v1::ApplyResponse> Rollback(const v1::RollbackRequest& request,
                                             const std::string& from);

  // See queries.h.
  absl::StatusOr<Stream<v1::ListResponse>> List(const v1::ListRequest& request) {
    return admin::List(ledger_, request);
  }
  absl::StatusOr<v1::GetResponse> Get(const v1::GetRequest& request) {
    return admin::Get(ledger_, request);
  }
  absl::StatusOr<Stream<v1::Change>> Diff(const v1::DiffRequest& request) {
    return admin::Diff(ledger_, request);
  }
  absl::StatusOr<std::vector<v1::Commit>> History(const v1::HistoryRequest& request) {
    return admin::History(ledger_, request);
  }
  v1::GetVersionResponse GetVersion() const;

  // For commits and, where whoever owns the fleet passes them on, its events.
  WatchHub& watches() { return watches_; }

 private:
  AdminService(store::Ledger& ledger, const Clock& clock, SkewCheck skew);

  // What all changes have in common.
  struct Call {
    const v1::ApplyRequest::Options& options;
    const std::string& from;
    uint64_t rollback_of = 0;
  };
  absl::StatusOr<v1::ApplyResponse> Execute(Plan plan, const store::State& state, const Call& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // ABORTED if something that the plan touches has changed since `generation`.
  absl::Status CheckExpectation(const Plan& plan, const store::State& state, uint64_t generation);
  absl::Status LoadIndex();
  // Adds what stands against the plan as a whole.
  void CheckAsAWhole(Plan& plan) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Commit(const Plan& plan, const store::State& state, const Call& call,
                      v1::ApplyResponse& response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Set at construction.
  store::Ledger& ledger_;
  const SkewCheck skew_;
  WatchHub watches_;

  // Held over a whole change, so that what was checked is what is committed.
  Mutex mu_;
  validate::Index index_ ABSL_GUARDED_BY(mu_);  // Of the newest state.
};

}  // namespace sluice::admin
