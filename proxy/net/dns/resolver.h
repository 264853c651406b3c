// Keeps DNS names resolved: all addresses of a name, again and again as its records expire.
//
//   Resolver resolver(loop);
//   RETURN_IF_ERROR(resolver.Init());
//   watch_ = resolver.Resolve("orders.internal", [this](const auto& addresses) { ... });
//
// A name is asked for once, however many watch it. Its answer counts for the smallest time to live
// of its records, within kMinTtl and kMaxTtl. A failure, which includes a name that does not exist,
// keeps the last addresses, and is tried again after 1 s, then twice as long, up to kMaxRetry:
// a DNS server that is down must not take an upstream down.
//
// Numeric addresses are taken as they are. /etc/hosts, search domains and the other settings of
// /etc/resolv.conf hold; a change of that file is noticed with the next question.
//
// Thread: the loop's. Lifetime: the loop outlives the resolver, and the resolver its watches.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proxy/event/loop.h"
#include "proxy/net/address.h"

// Of c-ares, whose headers stay out of ours.
struct ares_channeldata;
struct ares_addrinfo;

namespace sluice::net::dns {

class Resolver {
 public:
  static constexpr absl::Duration kMinTtl = absl::Seconds(1);
  static constexpr absl::Duration kMaxTtl = absl::Minutes(5);
  static constexpr absl::Duration kMaxRetry = absl::Seconds(30);

  struct Options {
    std::string resolv_conf = "/etc/resolv.conf";
    uint16_t port = 53;                         // Of the servers in it.
    absl::Duration timeout = absl::Seconds(2);  // Of the first try; later ones wait longer.
    int tries = 3;
  };

  struct Stats {
    uint64_t resolved = 0;
    uint64_t failed = 0;
  };

  // Sorted, without duplicates, never empty. Addresses to which this machine has no route are left
  // out, unless that leaves none.
  using Addresses = std::vector<IpAddress>;

  // Runs with the first addresses and with every change of them; with UNAVAILABLE, once, if the
  // first attempt failed. Never inside Resolve().
  using OnChange = absl::AnyInvocable<void(const absl::StatusOr<Addresses>&)>;

  // Destroying it ends the watch: its callback does not run any more.
  class Watch;

  explicit Resolver(event::Loop& loop) : Resolver(loop, Options()) {}
  Resolver(event::Loop& loop, Options options);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // RESOURCE_EXHAUSTED without memory or descriptors; INTERNAL if c-ares cannot start.
  absl::Status Init();

  [[nodiscard]] std::unique_ptr<Watch> Resolve(absl::string_view name, OnChange on_change);

  const Stats& stats() const { return stats_; }

 private:
  class Name;
  class Socket;
  struct Question;

  absl::Status OpenChannel();
  void CloseChannel();
  void ReopenIfChanged();
  void Ask(Name& name);
  void Forget(Name& name);
  void OnSocketState(int fd, bool readable, bool writable);
  void Process(int readable_fd, int writable_fd);
  void OnTimer();
  void ArmTimer();
  static void OnAnswer(void* question, int status, int timeouts, ares_addrinfo* answer);

  event::Loop& loop_;
  const Options options_;
  Stats stats_;
  ares_channeldata* channel_ = nullptr;
  std::array<int64_t, 4> resolv_conf_version_{};  // When the channel was opened.
  size_t questions_ = 0;                          // Under way.
  event::Timer timer_;                            // For c-ares' own timeouts.
  absl::flat_hash_map<int, std::unique_ptr<Socket>> sockets_;
  absl::flat_hash_map<std::string, std::unique_ptr<Name>> names_;
};

class Resolver::Watch {
 public:
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  friend class Resolver;
  friend class Resolver::Name;

  Watch(Name& name, OnChange on_change) : name_(name), on_change_(std::move(on_change)) {}

  Name& name_;
  OnChange on_change_;
  bool is_told_ = false;  // In which of the name's lists it is.
  std::list<Watch*>::iterator place_;
};

}  // namespace sluice::net::dns
