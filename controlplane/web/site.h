// All that the control plane serves over HTTP.
//
//   /v1/...      the JSON interface
//   /healthz     the process lives
//   /readyz      it has loaded its store and takes calls
//   /metrics     Prometheus
//
// Where clients are asked for a certificate, /healthz and /readyz are answered without one.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "base/clock.h"
#include "controlplane/admin/admin_service.h"
#include "controlplane/fleet/fleet.h"
#include "controlplane/web/api.h"
#include "controlplane/web/gate.h"
#include "controlplane/web/http.h"

namespace sluice::web {

// Thread: any.
// Lifetime: all that it is given outlives it.
class Site {
 public:
  Site(admin::AdminService& admin, fleet::Fleet& fleet, const Clock& clock, Gate gate);

  void Handle(Request request, Respond respond);

  // Not ready: load balancers and orchestrators are to go elsewhere.
  void SetReady(bool is_ready) { is_ready_ = is_ready; }

 private:
  void ShowMetrics(Respond respond);

  fleet::Fleet& fleet_;
  const Gate gate_;
  Api api_;
  std::atomic<bool> is_ready_{false};
};

}  // namespace sluice::web
