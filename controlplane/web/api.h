// The JSON interface under /v1/: what Admin and Fleet can do, for scripts and the console.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/resource/key.h"
#include "base/clock.h"
#include "controlplane/admin/admin_service.h"
#include "controlplane/fleet/fleet.h"
#include "controlplane/loop/loop.h"
#include "controlplane/web/http.h"
#include "controlplane/web/operations.h"
#include "controlplane/web/parameters.h"

namespace sluice::web {

// Answers on two threads of its own, one for what changes and one for what reads: a commit waits
// for the disk, and nobody who reads waits for a commit.
//
// Thread: any for Handle().
// Lifetime: all that it is given outlives it.
class Api {
 public:
  Api(admin::AdminService& admin, fleet::Fleet& fleet, const Clock& clock);

  // `request.path` starts with "/v1/".
  void Handle(Request request, Respond respond);

 private:
  // One request that belongs to an operation.
  struct Call {
    const Request& request;
    Parameters& parameters;
    std::string kind;  // As in the path: of {kind} and {name}.
    std::string name;
  };

  Response Execute(const Operation& operation, const Call& call);
  Response Answer(Operation::Id id, const Call& call);

  Response ListResources(const Call& call);
  Response GetResource(const Call& call);
  Response DeleteResource(const Call& call);
  Response Apply(const Call& call, bool only_validate);
  Response Rollback(const Call& call);
  Response ListGenerations(const Call& call);
  Response Diff(const Call& call);
  Response ListProxies(const Call& call);

  // Set at construction.
  admin::AdminService& admin_;
  fleet::Fleet& fleet_;
  const std::string open_api_;

  loop::Loop changes_;
  loop::Loop reads_;
};

}  // namespace sluice::web
