// Whether the kernel knows a way to an address.
#pragma once

#include "proxy/net/address.h"

namespace sluice::net::dns {

// Asks the routing table; sends nothing. Three system calls.
bool HasRoute(const IpAddress& address);

}  // namespace sluice::net::dns
