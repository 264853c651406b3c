// The secrets from which the keys of TLS session tickets are made, and their rotation.
//
// Of each secret every listener gets a key of its own, so that a proxy can neither read nor forge
// tickets of listeners that it does not serve. The next secret is handed out one rotation before
// anybody seals with it: a proxy that takes an update late opens the tickets of one that was quick.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sluice::tickets {

// A key as proxies get it: its name (16 bytes), which tickets carry, and the key itself (32).
inline constexpr size_t kKeyBytes = 48;
// So many secrets there are at most, whatever is configured.
inline constexpr size_t kMaxSecrets = 32;

struct Schedule {
  absl::Duration rotation = absl::Hours(12);  // For how long a secret seals.
  absl::Duration keep = absl::Hours(24);      // And opens afterwards.
};

class Keyring {
 public:
  struct Secret {
    absl::Time since;  // It seals; of the next one, when it will.
    std::string bytes;
  };

  // Without secrets.
  Keyring() = default;

  // What Encode() made. DATA_LOSS if it is something else.
  static absl::StatusOr<Keyring> Decode(absl::string_view bytes);
  std::string Encode() const;

  // Whether the next secret should seal: its time has come, or lies so far off that a clock which
  // was ahead has set it, or a longer schedule.
  bool IsDue(absl::Time now, const Schedule& schedule) const;

  // After a rotation at `now`: the next secret seals, a new one is the next, and those go that
  // ended `schedule.keep` ago.
  Keyring Rotated(absl::Time now, const Schedule& schedule) const;

  // The keys of `listener`, kKeyBytes each: the first seals, all open. Empty without secrets.
  std::string KeysOf(absl::string_view listener) const;

  // The next one first, then the one that seals, then those that did.
  const std::vector<Secret>& secrets() const { return secrets_; }

 private:
  std::vector<Secret> secrets_;
};

}  // namespace sluice::tickets
