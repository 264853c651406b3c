// Hands views of the control plane to the build thread.
//
// Thread: the build thread.
#pragma once

#include "proxy/main/build_thread.h"
#include "proxy/sync/keeper.h"

namespace sluice::main {

class ViewApplier final : public sync::Applier {
 public:
  explicit ViewApplier(BuildThread& build) : build_(build) {}

  void Apply(const sync::ViewChange& change, absl::AnyInvocable<void(Result)> done) override;

 private:
  BuildThread& build_;
};

}  // namespace sluice::main
