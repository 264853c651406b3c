// What tests of ConfigStream share: a control plane on a directory of its own, started again at
// will.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/fleet/testing/control_plane.h"
#include "controlplane/fleet/testing/desired.h"
#include "controlplane/fleet/testing/scripted_proxy.h"
#include "controlplane/store/testing/temp_dir.h"

namespace sluice::fleet {

inline v1::Resource Described(const std::string& name, const std::string& description,
                              std::vector<std::string> groups = {}) {
  v1::Resource route = RouteTo("u", name, std::move(groups));
  route.set_description(description);
  return route;
}

inline auto IsIn(v1::ProxyStatus::State state) {
  return [state](const v1::ProxyStatus& status) { return status.state() == state; };
}

class ConfigStreamTest : public ::testing::Test {
 protected:
  // Nothing has been sent to the proxy: the next thing it hears is a question of ours.
  void ExpectSilence(ScriptedProxy& proxy, const std::string& node = "a") {
    control_plane_->Run([&node](Fleet& fleet) {
      struct Ignored final : PageRelay::Sink {
        absl::Status OnPart(v1::AdminPageResponse) override { return absl::OkStatus(); }
        void OnEnd(absl::Status) override {}
      };
      EXPECT_TRUE(fleet.FetchPage(node, "/", std::make_unique<Ignored>()).ok());
    });
    proxy.TakeQuery();
  }

  ScriptedProxy::Options Named(const std::string& node, uint64_t instance = 1) {
    return {.node = node, .started_at_ns = 1000 + instance, .instance = instance};
  }

  void Start(Fleet::Options options) {
    control_plane_ = std::make_unique<ControlPlane>(dir_.path(), options);
  }

  // Another process on the same data.
  void Restart() {
    control_plane_.reset();
    Start(ControlPlane::AtOnce());
  }

  std::string address() { return control_plane_->address(); }

  store::TempDir dir_;
  std::unique_ptr<ControlPlane> control_plane_ = std::make_unique<ControlPlane>(dir_.path());
};

}  // namespace sluice::fleet
