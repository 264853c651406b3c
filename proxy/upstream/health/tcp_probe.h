// A check by a connection of its own, as HealthCheck.tcp has it. Thread and ownership as Probe has
// them.
#pragma once

#include <memory>
#include <string>

#include "proxy/net/connection.h"
#include "proxy/upstream/health/probe.h"

namespace sluice::upstream::health {

class TcpProbe final : public Probe, private net::Connection::Owner {
 public:
  // What of the bytes that come is looked at.
  static constexpr size_t kMaxBytes = 64 * 1024;

  TcpProbe(const Question& question, Probe::Owner& owner) : question_(question), owner_(owner) {}

  std::optional<Answer> Start() override;

 private:
  void OnReadable() override;
  void OnWriteRoom() override;
  void OnWriteError(int error) override;
  void OnConnected(int error) override;
  void Tell(const Answer& answer);

  const Question question_;
  Probe::Owner& owner_;
  std::unique_ptr<net::Connection> connection_;
  std::string received_;
  bool is_told_ = false;
};

}  // namespace sluice::upstream::health
