// What a process leaves to the one that takes its place, and how it is told:
//
//   successor                         predecessor
//   takeover 1                   -->
//                                <--  lock                       1 descriptor
//                                <--  listener ADDRESS           its sockets, in several messages
//                                <--  given ADDRESS NAME         1, of the service manager
//                                <--  admin ADDRESS              1
//                                <--  ticket LISTENER NAME SECRET   in hexadecimal; the first seals
//                                <--  end GENERATION             the one that is served
//   serving                      -->
//                                <--  yours
//
// The predecessor may say "refused WHY" in place of all it has, and "revoked" as long as it has not
// said "yours": it serves on, and the successor must not. The successor that goes away before it
// said "serving" changes nothing.
//
// Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proxy/net/address.h"
#include "proxy/net/socket.h"
#include "proxy/net/tls/ticket_keys.h"
#include "proxy/server/handover/packet.h"
#include "proxy/server/socket_supply.h"

namespace sluice::server::handover {

inline constexpr absl::string_view kTakeover = "takeover 1";
inline constexpr absl::string_view kServing = "serving";
inline constexpr absl::string_view kYours = "yours";
inline constexpr absl::string_view kRevoked = "revoked";
inline constexpr absl::string_view kRefused = "refused";

struct Inheritance {
  struct Listener {
    net::Address address;
    std::vector<net::Fd> fds;
  };

  // Keys of session tickets.
  struct Tickets {
    std::string listener;
    std::vector<net::tls::TicketKeys::Key> keys;
  };

  net::Fd lock;
  std::vector<Listener> listeners;  // One address may stand here several times.
  std::vector<GivenSocket> given;
  std::string admin_address;  // As the command line had it.
  net::Fd admin;
  std::vector<Tickets> tickets;
  uint64_t generation = 0;  // 0: none is served.
};

// All of it, in order, "end" included. UNAVAILABLE if the other side does not take it.
absl::Status SendInheritance(int socket, const Inheritance& inheritance);

// Takes one of those messages. True once it is the end; what is not known is passed over.
// INVALID_ARGUMENT for one that is not as it should be; FAILED_PRECONDITION, with the reason, if
// the predecessor refuses.
absl::StatusOr<bool> TakePacket(Packet packet, Inheritance& inheritance);

}  // namespace sluice::server::handover
