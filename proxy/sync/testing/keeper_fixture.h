// A keeper with an applier that holds what it was given, on a clock that the test moves.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "api/resource/problem.h"
#include "proxy/sync/keeper.h"
#include "proxy/sync/testing/update.h"
#include "proxy/sync/testing/views.h"

namespace sluice::sync {

class KeeperTest : public ::testing::Test, public Applier, public KeeperEvents {
 protected:
  KeeperTest() {
    EXPECT_TRUE(loop_.Init().ok());
    Restart();
  }

  void Stop() {
    keeper_.reset();
    state_.reset();
  }

  // A new process on the same directory. What was applied is gone.
  void Restart() {
    Stop();
    absl::StatusOr<std::unique_ptr<StateDirectory>> state = StateDirectory::Open(directory_.path());
    ASSERT_TRUE(state.ok()) << state.status();
    state_ = *std::move(state);
    auto marker = ActivationMarker::Open(*state_, machine_);
    ASSERT_TRUE(marker.ok());
    keeper_ = std::make_unique<Keeper>(loop_, clock_, *state_, *std::move(marker), *this);
    served_.clear();
    log_.clear();
    active_.reset();
    keeper_->Boot(*this);
  }

  // Applier
  void Apply(const ViewChange& change, absl::AnyInvocable<void(Result)> done) override {
    ++applications_;
    last_change_ = change;
    if (on_apply_) on_apply_();
    if (answer_.outcome != Outcome::kRejected) {
      for (const auto& upsert : change.upserts) served_[upsert.key.name] = upsert.bytes;
      for (const auto& key : change.removals) served_.erase(key.name);
      for (const auto& e : change.endpoint_upserts) {
        served_[e.address] = std::to_string(e.traits.weight) + e.traits.zone;
      }
      for (const auto& e : change.endpoint_removals) served_.erase(e.address);
    }
    if (answers_later_) {
      done_ = std::move(done);
    } else {
      done(answer_);
    }
  }

  // KeeperEvents
  void OnBooted(const std::optional<Generation>& active) override {
    log_.push_back("booted");
    active_ = active;
  }
  void OnPartTaken(size_t bytes) override { taken_ += bytes; }
  void OnPhase(const PhaseReport& report) override {
    static constexpr const char* kNames[] = {"received", "active", "rejected", "degraded"};
    log_.push_back(std::string(kNames[static_cast<int>(report.phase)]) + " " +
                   std::to_string(report.generation.number));
    last_report_ = report;
    if (report.phase != PhaseReport::Phase::kReceived &&
        report.phase != PhaseReport::Phase::kRejected) {
      active_ = report.generation;
    }
  }
  void OnResync(const std::string& reason) override {
    log_.push_back("resync");
    reason_ = reason;
  }
  void OnStaleServer(const std::string& reason) override {
    log_.push_back("stale");
    reason_ = reason;
  }
  void OnPersisted(const std::optional<Generation>& persisted, const std::string& fault) override {
    persisted_ = persisted;
    fault_ = fault;
  }

  void Take(const std::vector<UpdatePart>& parts) {
    for (const UpdatePart& part : parts) {
      given_ += part.bytes();
      keeper_->TakePart(part);
    }
  }
  // The next generation as a delta from what is active, or as a full update.
  void TakeDelta(std::vector<ViewChange::Upsert> upserts,
                 std::vector<resource::Key> removals = {}) {
    const std::optional<Generation> from = active_;
    Take(MakeUpdate(from, view_.Apply(std::move(upserts), std::move(removals))));
  }
  std::string ProblemText() const { return resource::ToString(last_report_.problems.at(0)); }

  void Pass(absl::Duration time) {
    clock_.Advance(time);
    loop_.RunOnce(absl::ZeroDuration());
    loop_.RunOnce(absl::ZeroDuration());
  }

  TestDirectory directory_;
  ManualClock clock_;
  event::Loop loop_{clock_};
  MachineState machine_{"boot", 0};
  TestView view_;
  std::unique_ptr<StateDirectory> state_;
  std::unique_ptr<Keeper> keeper_;

  Result answer_;
  bool answers_later_ = false;
  std::function<void()> on_apply_;
  absl::AnyInvocable<void(Result)> done_;
  int applications_ = 0;
  ViewChange last_change_;
  std::map<std::string, std::string> served_;

  std::vector<std::string> log_;
  std::optional<Generation> active_;
  std::optional<Generation> persisted_;
  std::string fault_;
  PhaseReport last_report_;
  std::string reason_;
  size_t given_ = 0;
  size_t taken_ = 0;
};

}  // namespace sluice::sync
