// Why a response is what it is: the registry of reasons and the short flags of the access log.
//
// Every exchange ends with one details string. "via_upstream" is a response of the upstream; the
// proxy's own ones are listed in response_flags.cc, the only table of them: access log, metric
// label, Proxy-Status and docs/reference/errors.md all come from it. Plugins have details of their
// own, which their reference pages list; they count as "plugin" in metrics.
//
// Strings and flags are stable: operators alert on them. Add; never rename or reuse.
//
// Thread: any; everything here is constant.
#pragma once

#include <cstdint>
#include <span>

#include "absl/strings/string_view.h"

namespace sluice::observe {

// What went wrong, in classes. Several may hold for one exchange.
enum class ResponseFlag : uint8_t {
  kNoRoute,
  kNoHealthyUpstream,
  kUpstreamConnectFailed,
  kUpstreamTerminated,
  kUpstreamProtocolError,
  kUpstreamTimeout,
  kDnsFailure,
  kTotalTimeout,
  kIdleTimeout,
  kClientTimeout,
  kClientProtocolError,
  kClientDisconnected,
  kRateLimited,
  kOverload,
  kLocalReset,
  kUpstreamOverflow,
  kRetriesExhausted,
};
inline constexpr size_t kResponseFlags = 17;

// A set of them.
class ResponseFlags {
 public:
  constexpr ResponseFlags() = default;
  constexpr ResponseFlags(ResponseFlag flag) : bits_(Bit(flag)) {}  // NOLINT: a set of one.

  constexpr void Add(ResponseFlags other) { bits_ |= other.bits_; }
  constexpr bool Has(ResponseFlag flag) const { return (bits_ & Bit(flag)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }

 private:
  static constexpr uint32_t Bit(ResponseFlag flag) { return 1u << static_cast<unsigned>(flag); }

  uint32_t bits_ = 0;
};

struct FlagInfo {
  ResponseFlag flag;
  absl::string_view code;     // "UH", as the access log shows it; Envoy's where Envoy has one.
  absl::string_view meaning;  // For the reference.
};

// All, in the order of the enumeration.
std::span<const FlagInfo> AllFlags();

// "UF,DC"; nothing for no flags. `out` has room for kMaxFlagText; returns the bytes written.
inline constexpr size_t kMaxFlagText = kResponseFlags * 4;
size_t WriteFlags(ResponseFlags flags, char* out);

struct Reason {
  const char* details;
  // Of the response that the proxy gives; 0 if the reason ends an exchange without one.
  int status;
  ResponseFlags flags;
  // The error type of RFC 9209 for the Proxy-Status header; empty if none is sent.
  absl::string_view proxy_error;
  absl::string_view meaning;  // For the reference.
};

// In the order of the reference.
std::span<const Reason> AllReasons();
inline constexpr size_t kReasons = 63;

// Null for details that are not the proxy's own: those of plugins. About 20 ns.
const Reason* FindReason(absl::string_view details);

// The place in AllReasons(); the label of sluice_local_replies_total goes by it. kReasons stands
// for all details of plugins.
size_t ReasonIndex(absl::string_view details);

}  // namespace sluice::observe
