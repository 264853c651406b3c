// demo-upstream: something behind the proxy to try it with. One thread a connection: a handful of
// people are its load.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/flags.h"
#include "tools/demo/reply.h"
#include "tools/demo/request.h"

namespace sluice::demo {
namespace {

constexpr int kMostConnections = 512;

constexpr char kPaths[] = R"(
paths:
  /slow?ms=500          echoes after that time
  /status/503           answers with that status
  /bytes/100000         a body of that many bytes
  /stream?n=5&ms=500    so many lines in chunks, with that time between them
  anything else         echoes the request; JSON with "Accept: application/json"
)";

std::string HeadOf(const Reply& reply, bool is_last, absl::string_view name) {
  const bool chunked = reply.parts.size() > 1;
  return absl::StrCat("HTTP/1.1 ", reply.status, " ", reply.status < 400 ? "OK" : "Error",
                      "\r\nContent-Type: ", reply.content_type, "\r\nX-Upstream: ", name, "\r\n",
                      chunked ? "Transfer-Encoding: chunked\r\n"
                              : absl::StrCat("Content-Length: ", reply.parts[0].size(), "\r\n"),
                      is_last ? "Connection: close\r\n" : "", "\r\n");
}

class Connection {
 public:
  Connection(int fd, const std::string& name)
      : fd_(fd), name_(name), reader_([this] { return Read(); }) {}
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Serve() {
    while (true) {
      const auto request = reader_.Next();
      if (!request.ok()) {
        Write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
      }
      if (!request->has_value()) return;
      const bool is_last = absl::EqualsIgnoreCase((*request)->header("connection"), "close");
      if (!Send(Answer(**request, name_), (*request)->method == "HEAD", is_last) || is_last) return;
    }
  }

 private:
  std::string Read() {
    char buffer[16 * 1024];
    const ssize_t size = recv(fd_, buffer, sizeof buffer, 0);
    return size <= 0 ? std::string() : std::string(buffer, static_cast<size_t>(size));
  }

  bool Write(absl::string_view data) {
    while (!data.empty()) {
      const ssize_t size = send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
      if (size <= 0) return false;
      data.remove_prefix(static_cast<size_t>(size));
    }
    return true;
  }

  bool Send(const Reply& reply, bool head_only, bool is_last) {
    absl::SleepFor(reply.delay);
    const std::string head = HeadOf(reply, is_last, name_);
    if (head_only) return Write(head);
    if (reply.parts.size() == 1) return Write(head + reply.parts[0]);
    if (!Write(head)) return false;
    for (size_t i = 0; i < reply.parts.size(); ++i) {
      const std::string& part = reply.parts[i];
      if (i > 0) absl::SleepFor(reply.pause);
      if (part.empty()) continue;
      if (!Write(absl::StrCat(absl::Hex(part.size()), "\r\n", part, "\r\n"))) return false;
    }
    return Write("0\r\n\r\n");
  }

  const int fd_;
  const std::string& name_;
  RequestReader reader_;
};

// The port of "127.0.0.1:PORT" or "localhost:PORT"; 0 if it is neither: it shows every request to
// whoever asks, so it serves this machine only.
uint16_t LoopbackPort(absl::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) return 0;
  const absl::string_view host = address.substr(0, colon);
  uint32_t port = 0;
  if ((host != "127.0.0.1" && host != "localhost") ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port > 65535) {
    return 0;
  }
  return static_cast<uint16_t>(port);
}

int Listen(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, 128) != 0) {
    std::cerr << "demo-upstream: cannot listen on port " << port << ": " << strerror(errno) << "\n";
    return -1;
  }
  return fd;
}

void ServeForever(int listener, const std::string& name) {
  static std::atomic<int> connections = 0;
  while (true) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      absl::SleepFor(absl::Milliseconds(10));
      continue;
    }
    if (connections >= kMostConnections) {
      close(fd);
      continue;
    }
    ++connections;
    std::thread([fd, &name] {
      Connection(fd, name).Serve();
      --connections;
    }).detach();
  }
}

int Main(int argc, char** argv) {
  std::string listen = "127.0.0.1:9000";
  std::string name = "demo";
  bool help = false;
  Flags flags("demo-upstream", "Something behind the proxy to try it with.");
  flags.String("listen", "127.0.0.1:PORT", "where to serve", &listen);
  flags.String("name", "NAME", "tells which of several answered", &name);
  flags.Bool("help", "this text", &help);
  const auto rest = flags.Parse(argc, argv);
  if (!rest.ok() || !rest->empty()) {
    std::cerr << "demo-upstream: " << (rest.ok() ? "takes no arguments" : rest.status().message())
              << "\n";
    return 2;
  }
  if (help) {
    std::cout << flags.Help() << kPaths;
    return 0;
  }
  const uint16_t port = LoopbackPort(listen);
  if (port == 0) {
    std::cerr << "demo-upstream: --listen: must be 127.0.0.1:PORT, got \"" << listen << "\"\n";
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const int listener = Listen(port);
  if (listener < 0) return 1;
  ServeForever(listener, name);
  return 0;
}

}  // namespace
}  // namespace sluice::demo

int main(int argc, char** argv) { return sluice::demo::Main(argc, argv); }
