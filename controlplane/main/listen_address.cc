#include "controlplane/main/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::main {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

SocketAddress ToSocketAddress(const ListenAddress& address) {
  SocketAddress result;
  if (address.is_ipv6) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr);
    result.size = sizeof(*v6);
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr);
    result.size = sizeof(*v4);
  }
  return result;
}

uint16_t PortOf(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  return ntohs(storage.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

absl::Status Refused(const ListenAddress& address, int error) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address.ToString(), ": ", std::strerror(error)));
}

}  // namespace

std::string ListenAddress::ToString() const {
  return is_ipv6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

bool ListenAddress::IsLoopback() const {
  return is_ipv6 ? host == "::1" : absl::StartsWith(host, "127.");
}

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text) {
  const absl::Status wrong = absl::InvalidArgumentError(
      absl::StrCat("must be IP:PORT such as 127.0.0.1:9400 or [::1]:9400, got \"", text, "\""));
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return wrong;
  ListenAddress address;
  uint32_t port = 0;
  if (!absl::SimpleAtoi(text.substr(colon + 1), &port) || port > 65535) return wrong;
  address.port = static_cast<uint16_t>(port);
  absl::string_view host = text.substr(0, colon);
  if (host == "localhost") host = "127.0.0.1";
  address.is_ipv6 = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (address.is_ipv6) host = host.substr(1, host.size() - 2);
  // One form for each address, so that comparing texts compares addresses.
  in6_addr binary;
  char canonical[INET6_ADDRSTRLEN];
  const int family = address.is_ipv6 ? AF_INET6 : AF_INET;
  if (inet_pton(family, std::string(host).c_str(), &binary) != 1) return wrong;
  inet_ntop(family, &binary, canonical, sizeof(canonical));
  address.host = canonical;
  return address;
}

absl::StatusOr<int> Listen(ListenAddress* address) {
  const int fd =
      socket(address->is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Refused(*address, errno);
  // A restart must not wait for connections of the process before.
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const SocketAddress where = ToSocketAddress(*address);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&where.storage), where.size) != 0 ||
      listen(fd, 512) != 0) {
    const int error = errno;
    close(fd);
    return Refused(*address, error);
  }
  address->port = PortOf(fd);
  return fd;
}

}  // namespace sluice::main
