// limit_count: admits a number of requests in a period of time, for each key.
//
// Configuration: api/sluice/plugins/v1/limit_count.proto. Looks at heads only; bodies of any size
// pass untouched.
//
// A refusal is 429 (or the configured status) "rate_limited" with Retry-After. The X-RateLimit
// headers replace those of the upstream; where several limits apply to a request they tell of the
// one that is nearest to its end.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "proxy/plugins/limit_count/counter_table.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class LimitCount;
}  // namespace v1

class LimitCount {
 public:
  enum class KeyKind : uint8_t { kClientIp, kConsumer, kConsumerGroup, kHeader, kAll };

  struct Settings {
    CounterTable* counters = nullptr;
    CounterTable::Limit limit;
    KeyKind key_kind = KeyKind::kClientIp;
    std::string key_header;  // Of kHeader, in lower case.
    HashKey key_hash;        // For keys of the kind; for addresses where a request has none such:
    HashKey address_hash;
    std::string count_text;
    int status = 429;
    bool sends_headers = true;
  };

  explicit LimitCount(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream& stream);
  Action OnResponseHead(Stream& stream);

 private:
  uint64_t KeyOf(const Stream& stream) const;

  const Settings& settings_;
  CounterTable::Verdict verdict_;
  bool has_verdict_ = false;  // False where another plugin answered before.
};

// Limits of one `declaration` and window share their counts over generations; `counters` outlives
// the instance. INVALID_ARGUMENT names the field that cannot be used.
absl::StatusOr<Instance> MakeLimitCount(const v1::LimitCount& config,
                                        const Declaration& declaration, CounterTable& counters);

}  // namespace sluice::plugins
