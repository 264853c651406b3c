// A real ledger on SQLite, the fleet and its two services on a port of the system's choice; time
// stands still until the test moves it.
#pragma once

#include <grpcpp/server.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/resource/key.h"
#include "base/clock.h"
#include "controlplane/fleet/fleet.h"
#include "controlplane/loop/loop.h"
#include "controlplane/store/ledger.h"
#include "controlplane/store/sqlite/sqlite_store.h"
#include "sluice/v1/fleet.grpc.pb.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::fleet {

class ControlPlane {
 public:
  // Without debouncing, which would wait for a clock that stands still.
  static Fleet::Options AtOnce();

  explicit ControlPlane(std::string data_dir, Fleet::Options options = AtOnce());
  ~ControlPlane();

  // Commits; returns the number of the generation. The fleet has taken it in.
  uint64_t Put(const std::vector<v1::Resource>& resources);
  uint64_t Delete(const resource::Key& key);
  uint64_t Register(const std::string& upstream, const std::vector<std::string>& addresses);

  // Moves the clock and lets what is due happen.
  void Advance(absl::Duration by);

  // On the fleet's thread.
  void Run(const std::function<void(Fleet&)>& task);

  // As Fleet::Find(); fails the test if the node is not listed.
  v1::ProxyStatus StatusOf(const std::string& node);
  // Waits, in real time, until `holds`; fails the test if it does not come to that.
  v1::ProxyStatus WaitUntil(const std::string& node,
                            const std::function<bool(const v1::ProxyStatus&)>& holds);
  // The value of one line of /metrics.
  std::string Metric(const std::string& series);

  // Ends streams as a control plane does that stops in order.
  void Shutdown();

  const std::string& address() const { return address_; }
  Fleet& fleet() { return *fleet_; }
  store::Ledger& ledger() { return *ledger_; }

 private:
  uint64_t Commit(std::vector<store::ResourceWrite> writes);
  // Returns when the fleet has seen the generation that stands.
  uint64_t Settle();

  ManualClock clock_;
  std::unique_ptr<store::SqliteStore> store_;
  std::unique_ptr<store::Ledger> ledger_;
  std::unique_ptr<loop::Loop> loop_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<grpc::Service> config_stream_;
  std::unique_ptr<grpc::Service> fleet_service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace sluice::fleet
