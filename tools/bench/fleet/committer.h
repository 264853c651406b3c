// Changes one route at a time through Admin.Apply.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace sluice::fleet_sim {

// Thread: one.
class Committer {
 public:
  explicit Committer(const std::string& control_plane);
  ~Committer();

  // Commits `routes` routes and what they need, in one call; returns the generation.
  absl::StatusOr<uint64_t> Load(uint64_t routes);

  // Changes the timeout of one of them; returns the generation.
  absl::StatusOr<uint64_t> ChangeOne(uint64_t number);

 private:
  class Call;

  struct Connection;
  const std::unique_ptr<Connection> connection_;
  uint64_t routes_ = 0;
};

}  // namespace sluice::fleet_sim
