// Which of several upstreams serves a request: `upstreams` and `sticky` of a Route or a Service.
//
// Thread: any; immutable once it is part of a configuration. Lifetime: its route's, which the
// exchange pins, so that what is chosen may be pointed to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/match/compiled_spec.h"
#include "api/match/request_view.h"
#include "proxy/exchange/cluster_slot.h"

namespace sluice::exchange {

struct SplitTarget {
  std::string upstream;
  uint32_t weight = 1;
  // What a request must be; null: its share is by weight.
  std::shared_ptr<const match::CompiledSpec> when;
  uint32_t cluster_slot = kNoCluster;
  std::shared_ptr<const void> cluster_lease;  // Keeps cluster_slot.
};

struct StickyCookie {
  std::string name;         // Empty: none.
  std::string path;         // "/" as a rule.
  int64_t ttl_seconds = 0;  // 0: of the client's session.
};

class Split {
 public:
  Split(std::vector<SplitTarget> targets, StickyCookie cookie);

  struct Choice {
    const SplitTarget* target = nullptr;  // Null: nothing takes the request.
    // The value of Set-Cookie that keeps the client with the target; empty: none is due.
    absl::string_view set_cookie;
  };
  // `cookie`: the value of the cookie of that name in the request. `is_secure`: it came over TLS.
  // `random` decides where nothing else does.
  Choice Choose(const match::RequestView& request, absl::string_view cookie, bool is_secure,
                uint64_t random) const;

  const std::string& cookie_name() const { return cookie_name_; }
  // For filling in slots and leases before it is used.
  std::vector<SplitTarget>& targets() { return targets_; }

 private:
  struct Cookie {
    absl::string_view value() const { return absl::string_view(text).substr(begin, size); }
    std::string text;  // Of Set-Cookie; with "; Secure" at its end.
    size_t begin = 0;  // Of the value.
    size_t size = 0;
  };
  Cookie MakeCookie(const std::string& upstream, const StickyCookie& cookie) const;

  std::vector<SplitTarget> targets_;
  std::string cookie_name_;
  std::vector<Cookie> cookies_;  // In step with targets_; empty without a cookie.
  uint64_t total_weight_ = 0;
};

}  // namespace sluice::exchange
