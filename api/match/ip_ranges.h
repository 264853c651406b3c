// Sets of client addresses.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/strings/string_view.h"
#include "api/match/route_spec.h"

namespace sluice::match {

// The addresses of a list of addresses and CIDR ranges, IPv4 and IPv6. IPv4 is kept as
// ::ffff:a.b.c.d; an IPv6 range holds such addresses only if it is written as one of them, so that
// "::/0" is every IPv6 client and no other.
class IpRanges {
 public:
  // Adds "10.0.0.0/8", "192.0.2.1", "2001:db8::/32". Returns what is wrong with `text`, if anything
  // is.
  std::optional<Flaw> Add(absl::string_view text);

  // Sorts and joins: once, after the last Add() and before Contains() and Canonical().
  void Seal();

  bool Contains(const std::array<uint8_t, 16>& address) const;
  bool empty() const { return ranges_.empty(); }

  // The same for two lists that hold the same addresses, however they are written.
  std::string Canonical() const;

 private:
  struct Range {
    absl::uint128 first;
    absl::uint128 last;
  };

  std::vector<Range> ranges_;
};

// "192.0.2.1" or "2001:db8::1" in the form of RequestView::client_ip.
std::optional<std::array<uint8_t, 16>> ParseIp(absl::string_view text);

}  // namespace sluice::match
