// `--wait`: until a generation is active everywhere.
#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/flags.h"
#include "tools/sluicectl/client.h"
#include "tools/sluicectl/failure.h"

namespace sluice::sluicectl {

// The flags --wait and --timeout, and what they ask for.
class WaitFlags {
 public:
  void Add(Flags& flags);

  // Prints what a call did (print.h) and, if --wait was given and something was committed, what
  // became of the proxies. kNotActive unless all that were waited for serve the generation.
  absl::StatusOr<ExitStatus> PrintAndFinish(const v1::ApplyResponse& response,
                                            Client& client) const;

 private:
  absl::StatusOr<ExitStatus> Wait(uint64_t generation, Client& client) const;

  bool wait_ = false;
  absl::Duration timeout_ = absl::Seconds(30);
};

// `; active 198/200; rejected edge-7: …; disconnected eu-3 (12s)`.
std::string ProgressText(const v1::WaitForGenerationResponse& progress);

}  // namespace sluice::sluicectl
