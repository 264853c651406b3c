// CONNECT: a tunnel to an endpoint of the route's upstream, over its connection without HTTP.
//
// The client's codec holds what follows the request until it is answered, as with an upgrade; the
// upstream's answers 200 as soon as there is a connection, and from then on the exchange is a
// tunnel as any other. The endpoint is the configuration's choice: host and port that the client
// names only find the route, so that nobody reaches what an operator did not write down.

#include "proxy/exchange/exchange.h"

namespace sluice::exchange {

// False: the request has been answered.
bool Exchange::CheckConnect() {
  if (route_ != nullptr && route_->allows_connect) return true;
  ReplyWithReason("method_not_supported");
  return false;
}

// False: the request has been answered.
bool Exchange::PrepareConnect(const upstream::Settings& settings) {
  if (settings.protocol != upstream::Protocol::kHttp1) {
    ReplyWithReason("method_not_supported");
    return false;
  }
  // What a connection carried before could be taken for this client's.
  wants_fresh_ = true;
  return true;
}

}  // namespace sluice::exchange
