// One proxy of the simulated fleet: a connection and a stream of its own, and nothing behind them.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "sluice/v1/config_stream.pb.h"
#include "tools/fleetsim/fleet_log.h"

namespace sluice::fleetsim {

// Says that each update is active as soon as its last part is there. It does not look into entries:
// a real proxy's compiling is not what is measured here.
//
// Thread: any one at a time; it works on gRPC's.
// Lifetime: `log` outlives it.
class SimulatedProxy {
 public:
  SimulatedProxy(std::string server, std::string node, std::vector<std::string> plugins,
                 FleetLog& log);
  // Disconnects.
  ~SimulatedProxy();
  SimulatedProxy(const SimulatedProxy&) = delete;
  SimulatedProxy& operator=(const SimulatedProxy&) = delete;

  // Opens a connection and the stream, saying that it holds `held`.
  void Connect(const std::optional<v1::Generation>& held);
  // Ends the stream and the connection; returns when both are gone.
  void Disconnect();

  // What it holds, by its own account.
  std::optional<v1::Generation> held() const;

 private:
  class Stream;

  const std::string server_;
  const std::string node_;
  const std::vector<std::string> plugins_;
  FleetLog& log_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace sluice::fleetsim
