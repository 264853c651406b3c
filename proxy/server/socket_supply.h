// Where listening sockets come from: the process before this one, the service manager, or the
// kernel.
//
// Sockets of other origin come in a number of their own, and every one of them must be accepted
// from, or what waits in its queue waits for ever: fewer workers take several each. More of them
// bind further ones beside, where the sockets allow that, and share where they do not.
//
// Thread: the build thread; before that runs, the one that made it.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proxy/net/address.h"
#include "proxy/net/socket.h"
#include "proxy/server/worker_listener.h"

namespace sluice::server {

// A listening socket that a service manager opened. It stays open there whatever this process does,
// so that its address can be had by way of it only.
struct GivenSocket {
  std::string name;
  net::Address address;
  net::Fd fd;
};

class SocketSupply {
 public:
  explicit SocketSupply(size_t workers) : workers_(workers) {}

  // Sockets that are open elsewhere and will be used by the first listener on `address`; of several
  // descriptors of one socket, one.
  void Inherit(const net::Address& address, std::vector<net::Fd> fds);
  // Closes what no listener has taken.
  void DropInherited() { inherited_.clear(); }
  // A socket for the listener on its address, or with its name, whenever there is one.
  void Give(GivenSocket socket) { given_.push_back(std::move(socket)); }
  const std::vector<GivenSocket>& given() const { return given_; }

  // Who listens where the new sockets will, as far as is known.
  enum class Neighbours {
    kNone,  // What there is belongs to somebody else.
    kOwn,   // This process's, which are about to go.
  };

  // Each worker's part for a listener. Errors as net::Listen().
  absl::StatusOr<std::vector<ListeningSockets>> Take(absl::string_view name,
                                                     const net::Address& address,
                                                     Neighbours neighbours = Neighbours::kNone);

 private:
  // At least one socket, to all workers.
  std::vector<ListeningSockets> Spread(std::vector<net::Fd> fds) const;
  absl::StatusOr<std::vector<ListeningSockets>> Bind(const net::Address& address,
                                                     Neighbours neighbours);
  const GivenSocket* FindGiven(absl::string_view name, const net::Address& address) const;

  const size_t workers_;
  absl::flat_hash_map<net::Address, std::vector<net::Fd>> inherited_;
  std::vector<GivenSocket> given_;
};

}  // namespace sluice::server
