// Registers endpoints for those who run the servers.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "controlplane/loop/loop.h"
#include "controlplane/store/ledger.h"
#include "sluice/v1/endpoints.pb.h"

namespace sluice::endpoints {

// Checks what it is asked for and puts it into the ledger; withdraws what nobody renews. What comes
// while the disk is busy goes into the next commit together, so that a thousand servers that start
// at once make a few generations and not a thousand.
//
// Has a thread of its own, which waits for the disk.
//
// Thread: any.
// Lifetime: `ledger` and `clock` outlive it.
class Registrar {
 public:
  // One message of one caller.
  struct Call {
    std::string owner;
    std::string upstream;
    absl::Duration ttl;
    v1::RegisterRequest request;  // Its owner, upstream and time-to-live are not looked at.
    std::string from;             // Address of the caller.
  };
  using Done = absl::AnyInvocable<void(absl::StatusOr<v1::RegisterResponse>) &&>;

  // Names the connected proxies that cannot read a schema; empty: all can. From any thread.
  using SkewCheck = std::function<std::string(uint32_t schema)>;

  // `skew` may be null: then nobody asks.
  Registrar(store::Ledger& ledger, const Clock& clock, SkewCheck skew);
  ~Registrar();
  Registrar(const Registrar&) = delete;
  Registrar& operator=(const Registrar&) = delete;

  // `done` runs on the registrar's thread: it must not wait.
  //   OK     done, or refused with problems; the lease is renewed either way
  //   others as Ledger::Register; the lease is renewed all the same
  void Register(Call call, Done done);

  // Renews a lease, if there is one, and returns the number of the present generation. Never waits.
  uint64_t Renew(const std::string& upstream, const std::string& owner, absl::Duration ttl);

  // What upstreams have, from their resources and from leases, by upstream and owner; of all
  // upstreams if `upstream` is empty.
  //   NOT_FOUND  there is no such upstream
  absl::StatusOr<std::vector<v1::ListedEndpoint>> List(const std::string& upstream) const;

  loop::Loop& loop() { return loop_; }

 private:
  struct Waiting {
    Call call;
    Done done;
  };

  // Commits all that waits.
  void Flush();
  void Expire();

  // Set at construction.
  store::Ledger& ledger_;
  const SkewCheck skew_;

  Mutex mu_;
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mu_);

  loop::Loop loop_;
  loop::Timer expiry_;
};

}  // namespace sluice::endpoints
