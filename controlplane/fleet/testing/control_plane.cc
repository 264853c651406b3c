#include "controlplane/fleet/testing/control_plane.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/resource/digest.h"
#include "controlplane/fleet/config_stream_service.h"
#include "controlplane/fleet/fleet_service.h"

namespace sluice::fleet {
namespace {

// A test that cannot go on says why and ends.
template <typename T>
T Require(absl::StatusOr<T> value) {
  if (!value.ok()) {
    ADD_FAILURE() << value.status();
    std::abort();
  }
  return *std::move(value);
}

}  // namespace

Fleet::Options ControlPlane::AtOnce() {
  Fleet::Options options;
  options.debounce.quiet = absl::ZeroDuration();
  return options;
}

ControlPlane::ControlPlane(std::string data_dir, Fleet::Options options) {
  store_ = Require(store::SqliteStore::Open(data_dir, {}));
  ledger_ = Require(store::Ledger::Open(*store_, clock_));
  loop_ = std::make_unique<loop::Loop>(clock_);
  fleet_ = std::make_unique<Fleet>(*ledger_, *loop_, options);
  EXPECT_TRUE(fleet_->Start().ok());
  config_stream_ = MakeConfigStreamService(*fleet_);
  fleet_service_ = MakeFleetService(*fleet_);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  ConfigureConnections(builder);
  builder.RegisterService(config_stream_.get());
  builder.RegisterService(fleet_service_.get());
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

ControlPlane::~ControlPlane() {
  server_->Shutdown(std::chrono::system_clock::now());
  loop_->Stop();
}

uint64_t ControlPlane::Put(const std::vector<v1::Resource>& resources) {
  std::vector<store::ResourceWrite> writes;
  for (const v1::Resource& resource : resources) {
    writes.push_back({resource::KeyOf(resource), resource::Serialise(resource)});
  }
  return Commit(std::move(writes));
}

uint64_t ControlPlane::Delete(const resource::Key& key) { return Commit({{key, std::nullopt}}); }

uint64_t ControlPlane::Commit(std::vector<store::ResourceWrite> writes) {
  const uint64_t expected = ledger_->state()->head.configuration;
  Require(ledger_->Commit(std::move(writes), {}, expected));
  return Settle();
}

uint64_t ControlPlane::Register(const std::string& upstream,
                                const std::vector<std::string>& addresses) {
  store::Registration registration;
  registration.upstream = upstream;
  registration.owner = "test";
  registration.ttl = absl::Hours(1);
  for (const std::string& address : addresses) registration.upsert.push_back({address, {}});
  Require(ledger_->Register({registration}, {}));
  return Settle();
}

uint64_t ControlPlane::Settle() {
  const std::string number = absl::StrCat(ledger_->state()->head.generation.number);
  while (Metric("sluice_generation") != number) std::this_thread::yield();
  return ledger_->state()->head.generation.number;
}

void ControlPlane::Advance(absl::Duration by) {
  clock_.Advance(by);
  // The first makes the loop look at its timers, the second runs after them.
  loop_->PostAndWait([] {});
  loop_->PostAndWait([] {});
}

void ControlPlane::Run(const std::function<void(Fleet&)>& task) {
  loop_->PostAndWait([this, &task] { task(*fleet_); });
}

v1::ProxyStatus ControlPlane::StatusOf(const std::string& node) {
  std::optional<v1::ProxyStatus> status;
  Run([&status, &node](Fleet& fleet) { status = fleet.Find(node); });
  EXPECT_TRUE(status.has_value()) << node << " is not listed";
  return status.value_or(v1::ProxyStatus());
}

v1::ProxyStatus ControlPlane::WaitUntil(const std::string& node,
                                        const std::function<bool(const v1::ProxyStatus&)>& holds) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < give_up) {
    std::optional<v1::ProxyStatus> status;
    Run([&status, &node](Fleet& fleet) { status = fleet.Find(node); });
    if (status.has_value() && holds(*status)) return *status;
    std::this_thread::yield();
  }
  ADD_FAILURE() << "it has not come to that: " << StatusOf(node).DebugString();
  return {};
}

std::string ControlPlane::Metric(const std::string& series) {
  std::string text;
  Run([&text](Fleet& fleet) { fleet.AppendMetrics(&text); });
  const size_t at = text.find(absl::StrCat("\n", series, " "));
  if (at == std::string::npos) return "";
  const size_t value = at + series.size() + 2;
  return text.substr(value, text.find('\n', value) - value);
}

void ControlPlane::Shutdown() {
  Run([](Fleet& fleet) { fleet.Shutdown(); });
}

}  // namespace sluice::fleet
