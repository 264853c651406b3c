#include "proxy/net/dns/route.h"

#include <sys/socket.h>
#include <unistd.h>

namespace sluice::net::dns {

bool HasRoute(const IpAddress& ip) {
  const Address address(ip, 53);
  const int fd = socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_storage storage;
  const socklen_t size = address.ToSockaddr(storage);
  const bool has_route = connect(fd, reinterpret_cast<const sockaddr*>(&storage), size) == 0;
  close(fd);
  return has_route;
}

}  // namespace sluice::net::dns
