// fault_injection: delays requests or answers them with an error.
//
// Configuration: api/sluice/plugins/v1/fault_injection.proto. Looks at heads only; bodies of any
// size pass untouched, and wait with their client while a request is delayed.
//
// An abort is logged as "fault_abort". A delay costs a timer and no thread, and ends with a client
// that resets its connection.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/match/predicate.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class FaultInjection;
}  // namespace v1

class FaultInjection {
 public:
  struct Settings {
    int64_t delay_ns = 0;
    uint32_t delay_per_mille = 0;
    int status = 0;
    uint32_t abort_per_mille = 0;
    std::string body;
    std::vector<match::NamedPredicate> headers;
    bool reads_headers = false;
  };

  explicit FaultInjection(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream& stream);

 private:
  bool IsMeant(const Stream& stream) const;
  void Draw(Stream& stream);
  void ReadHeaders(http::RequestHead& request);
  void Abort(Stream& stream) const;
  static void OnDelayed(void* fault, Stream& stream);

  const Settings& settings_;
  // Of this request; 0 for none.
  int64_t delay_ns_ = 0;
  int status_ = 0;
};

// INVALID_ARGUMENT names the field that cannot be used.
absl::StatusOr<Instance> MakeFaultInjection(const v1::FaultInjection& config);

}  // namespace sluice::plugins
