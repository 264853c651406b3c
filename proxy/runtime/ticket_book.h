// The ticket keys of each listener: those that the control plane gave, or else the process's own.
//
// A set of keys outlives the generations that use it: what is given or rotated holds at once for
// all of them.
//
// Thread: the build thread's; the keys that Of() hands out, any.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "proxy/net/tls/ticket_keys.h"

namespace sluice::runtime {

// As they came: 48 bytes each, name and key; the first seals.
struct GivenTicketKeys {
  std::string listener;
  std::string keys;
};

class TicketBook {
 public:
  // With a random key, until others are given.
  std::shared_ptr<const net::tls::TicketKeys> Of(const std::string& listener);

  void Give(const GivenTicketKeys& given);
  // Random ones again.
  void TakeBack(const std::string& listener);
  // There is no such listener any more.
  void Forget(const std::string& listener) { books_.erase(listener); }

  // A new random key seals where none were given.
  void RotateOwn();

  // Between a process and the one that takes its place: the keys of each listener, and taking them
  // as its own.
  struct Keys {
    std::string listener;
    std::vector<net::tls::TicketKeys::Key> keys;
  };
  std::vector<Keys> Copy() const;
  void Inherit(Keys keys);

 private:
  struct Book {
    std::shared_ptr<net::tls::TicketKeys> keys = std::make_shared<net::tls::TicketKeys>();
    bool is_given = false;
  };
  absl::flat_hash_map<std::string, Book> books_;
};

}  // namespace sluice::runtime
