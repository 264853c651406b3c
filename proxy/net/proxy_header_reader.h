// An accepted connection until its PROXY protocol header has been taken off: then it is handed on,
// standing at the first byte that the client itself sent.
//
// Bytes behind the header stay in the kernel: whoever comes next, TLS or a codec, reads them as if
// they had come first.
//
// Thread: its worker's. Ownership: the Owner's, which deletes it with Loop::DeleteLater() in either
// of the two calls.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "proxy/net/connection.h"
#include "proxy/net/proxy_header.h"

namespace sluice::net {

class ProxyHeaderReader final : private event::Handler {
 public:
  class Owner {
   public:
    // `client`: whom the header names; the peer, where it names nobody or there is none. Then the
    // transport has no header either.
    virtual void OnProxyHeader(ProxyHeaderReader& reader, Transport transport,
                               const Address& client) = 0;
    // What came is no header, or, with `is_late`, none came in time. A peer that goes away before
    // it is one of these.
    virtual void OnNoProxyHeader(ProxyHeaderReader& reader, bool is_late) = 0;

   protected:
    ~Owner() = default;
  };

  // `is_optional`: connections without one are handed on, too, once their first bytes show it.
  ProxyHeaderReader(IoContext& io, Fd fd, const Address& peer, bool is_optional, int64_t timeout_ns,
                    Owner& owner);
  ~ProxyHeaderReader();

  // Begins. An error means that it is of no use and the owner will not be called.
  absl::Status Start();

 private:
  void OnEvents(uint32_t events) override;
  void OnTimeout() { Fail(/*is_late=*/true); }
  // `is_end`: nothing follows what is there now.
  void Look(bool is_end);
  // Takes the header off the connection.
  void TakeHeader();
  void HandOn();
  void Fail(bool is_late);

  IoContext& io_;
  Owner& owner_;
  const Address peer_;
  const int64_t timeout_ns_;
  Fd fd_;
  event::Timer timer_;
  ProxyHeader header_;  // Once it was understood.
  std::string bytes_;   // What was taken of it.
  const bool is_optional_;
  bool is_registered_ = false;
};

}  // namespace sluice::net
