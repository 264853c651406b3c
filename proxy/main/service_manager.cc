#include "proxy/main/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/log.h"

namespace sluice::main {
namespace {

constexpr int kFirstFd = 3;
constexpr int kMostFds = 1024;

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::vector<server::GivenSocket> TakeGivenSockets() {
  int pid = 0;
  int count = 0;
  const bool is_ours = absl::SimpleAtoi(Variable("LISTEN_PID"), &pid) && pid == getpid() &&
                       absl::SimpleAtoi(Variable("LISTEN_FDS"), &count);
  const std::vector<std::string> names = absl::StrSplit(Variable("LISTEN_FDNAMES"), ':');
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(name);
  std::vector<server::GivenSocket> sockets;
  if (!is_ours || count > kMostFds) return sockets;
  for (int i = 0; i < count; ++i) {
    const int fd = kFirstFd + i;
    const std::string name = static_cast<size_t>(i) < names.size() ? names[i] : "";
    if (absl::Status status = net::AdoptListening(fd); !status.ok()) {
      LOG(WARNING) << "descriptor " << fd << " \"" << name
                   << "\" of the service manager: " << status.message();
      continue;
    }
    sockets.push_back({name, net::LocalAddress(fd), net::Fd(fd)});
    LOG(INFO) << "the service manager listens on " << sockets.back().address.ToString()
              << ", named \"" << name << "\"";
  }
  return sockets;
}

void NotifyServiceManager(absl::string_view state) {
  const std::string path = Variable("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() < 2 || path.size() >= sizeof(address.sun_path)) return;
  path.copy(address.sun_path, path.size());
  // An abstract name begins with a zero and has no end.
  if (path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const net::Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (fd.is_open() && sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), length) >= 0) {
    return;
  }
  LOG(WARNING) << "the service manager cannot be told " << state << ": " << std::strerror(errno);
}

}  // namespace sluice::main
