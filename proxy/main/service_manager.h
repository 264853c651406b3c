// What a service manager such as systemd passes to the programs that it starts: sockets that it
// opened (sd_listen_fds(3)), and a place to say how they are (sd_notify(3)).
//
// Thread: the main one, before others are started.
#pragma once

#include <vector>

#include "absl/strings/string_view.h"
#include "proxy/server/socket_supply.h"

namespace sluice::main {

// The listening TCP sockets among those that LISTEN_FDS tells of; the variables go, so that no
// other process takes them for its own. What is no such socket is named in the log and left alone.
std::vector<server::GivenSocket> TakeGivenSockets();

// "READY=1", "STOPPING=1", "MAINPID=42". Without NOTIFY_SOCKET nobody wants to know.
void NotifyServiceManager(absl::string_view state);

}  // namespace sluice::main
