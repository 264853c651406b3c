// What an access record says of a client's connection.
#pragma once

#include "proxy/net/secure_layer.h"
#include "proxy/observe/access_record.h"

namespace sluice::exchange {

// Of its TLS and of what a balancer in front said; null where there is none. Both outlive the
// record.
void AddConnection(const net::SecureLayer* secure, const net::ProxyHeader* proxy_header,
                   observe::AccessRecord& record);

}  // namespace sluice::exchange
