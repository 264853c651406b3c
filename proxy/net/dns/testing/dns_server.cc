#include "proxy/net/dns/testing/dns_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace sluice::net::dns {

namespace {

constexpr uint16_t kTypeA = 1;
constexpr uint16_t kTypeCname = 5;
constexpr uint16_t kTypeAaaa = 28;
constexpr size_t kHeaderBytes = 12;

std::string Number16(size_t n) {
  return {static_cast<char>(n >> 8 & 0xff), static_cast<char>(n & 0xff)};
}

std::string Number32(uint32_t n) { return Number16(n >> 16) + Number16(n & 0xffff); }

size_t ReadNumber16(absl::string_view text, size_t at) {
  return static_cast<uint8_t>(text[at]) * size_t{256} + static_cast<uint8_t>(text[at + 1]);
}

std::string Labels(absl::string_view name) {
  std::string labels;
  while (!name.empty()) {
    const size_t dot = std::min(name.find('.'), name.size());
    labels += static_cast<char>(dot);
    absl::StrAppend(&labels, name.substr(0, dot));
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  return labels + std::string(1, '\0');
}

// The name that begins at `at`, which moves behind it.
std::string ReadName(absl::string_view text, size_t& at) {
  std::string name;
  while (text[at] != 0) {
    const size_t size = static_cast<uint8_t>(text[at]);
    absl::StrAppend(&name, name.empty() ? "" : ".", text.substr(at + 1, size));
    at += size + 1;
  }
  ++at;
  return name;
}

std::string Record(absl::string_view owner, uint16_t type, uint32_t ttl, absl::string_view data) {
  return absl::StrCat(owner, Number16(type), Number16(1), Number32(ttl), Number16(data.size()),
                      data);
}

// The record of one address; empty if it is not of `type`.
std::string AddressRecord(absl::string_view owner, size_t type, uint32_t ttl,
                          const std::string& text) {
  char bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) {
    return type == kTypeA ? Record(owner, kTypeA, ttl, absl::string_view(bytes, 4)) : "";
  }
  if (inet_pton(AF_INET6, text.c_str(), bytes) != 1) std::abort();
  return type == kTypeAaaa ? Record(owner, kTypeAaaa, ttl, absl::string_view(bytes, 16)) : "";
}

}  // namespace

class DnsServer::Udp final : public event::Handler {
 public:
  explicit Udp(DnsServer& server) : server_(server) {}
  ~Udp() = default;
  void OnEvents(uint32_t) override { server_.OnUdp(); }

 private:
  DnsServer& server_;
};

class DnsServer::Tcp final : public event::Handler {
 public:
  explicit Tcp(DnsServer& server) : server_(server) {}
  ~Tcp() = default;
  void OnEvents(uint32_t) override { server_.OnTcp(); }

 private:
  DnsServer& server_;
};

class DnsServer::TcpClient final : public event::Handler {
 public:
  TcpClient(DnsServer& server, int fd) : fd(fd), server_(server) {}
  ~TcpClient() {
    server_.loop_.Remove(fd);
    close(fd);
  }
  void OnEvents(uint32_t) override { server_.OnTcpClient(*this); }

  const int fd;
  std::string input;

 private:
  DnsServer& server_;
};

DnsServer::DnsServer(event::Loop& loop) : DnsServer(loop, INADDR_LOOPBACK, 0) {}

DnsServer::DnsServer(event::Loop& loop, const DnsServer& other)
    : DnsServer(loop, INADDR_LOOPBACK + 1, other.port_) {}

DnsServer::DnsServer(event::Loop& loop, uint32_t ip, uint16_t port)
    : loop_(loop), on_udp_(std::make_unique<Udp>(*this)), on_tcp_(std::make_unique<Tcp>(*this)) {
  // A port that is free for UDP may be taken for TCP.
  for (int attempt = 0; !Bind(ip, port); ++attempt) {
    if (attempt == 50) std::abort();
  }
  if (!loop.Add(udp_, *on_udp_, EPOLLIN).ok() || !loop.Add(tcp_, *on_tcp_, EPOLLIN).ok()) {
    std::abort();
  }
}

DnsServer::~DnsServer() {
  clients_.clear();
  for (const int fd : {udp_, tcp_}) {
    loop_.Remove(fd);
    close(fd);
  }
}

bool DnsServer::Bind(uint32_t ip, uint16_t port) {
  udp_ = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  tcp_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(ip);
  address.sin_port = htons(port);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  if (bind(udp_, generic, size) == 0 && getsockname(udp_, generic, &size) == 0 &&
      bind(tcp_, generic, size) == 0 && listen(tcp_, 8) == 0) {
    port_ = ntohs(address.sin_port);
    return true;
  }
  close(udp_);
  close(tcp_);
  return false;
}

void DnsServer::OnUdp() {
  char question[512];
  sockaddr_storage from;
  socklen_t size = sizeof(from);
  auto* const peer = reinterpret_cast<sockaddr*>(&from);
  const ssize_t n = recvfrom(udp_, question, sizeof(question), 0, peer, &size);
  if (n < static_cast<ssize_t>(kHeaderBytes)) return;
  const std::string reply = Reply(std::string(question, static_cast<size_t>(n)), /*is_udp=*/true);
  // Lost, as datagrams may be, if it cannot be sent.
  if (!reply.empty()) sendto(udp_, reply.data(), reply.size(), 0, peer, size);
}

void DnsServer::OnTcp() {
  const int fd = accept4(tcp_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  clients_.push_back(std::make_unique<TcpClient>(*this, fd));
  if (!loop_.Add(fd, *clients_.back(), EPOLLIN).ok()) std::abort();
}

void DnsServer::OnTcpClient(TcpClient& client) {
  char bytes[1024];
  const ssize_t n = read(client.fd, bytes, sizeof(bytes));
  if (n <= 0) return loop_.Remove(client.fd, /*keeps_open=*/true);
  client.input.append(bytes, static_cast<size_t>(n));
  while (client.input.size() >= 2) {
    const size_t size = ReadNumber16(client.input, 0);
    if (client.input.size() < 2 + size) return;
    const std::string reply = Reply(client.input.substr(2, size), /*is_udp=*/false);
    client.input.erase(0, 2 + size);
    ++tcp_questions_;
    const std::string framed = Number16(reply.size()) + reply;
    // A few KiB: an empty socket takes them whole.
    if (write(client.fd, framed.data(), framed.size()) < 0) std::abort();
  }
}

std::string DnsServer::Reply(const std::string& question, bool is_udp) {
  size_t at = kHeaderBytes;
  const std::string name = ReadName(question, at);
  const size_t type = ReadNumber16(question, at);
  const size_t question_end = at + 4;
  if (type == kTypeA && is_udp) ++questions_;
  const Answer& answer = answers_[name];
  if (answer.is_silent) return "";
  std::vector<std::string> records;
  std::string owner = "\xc0\x0c";  // Points to the name in the question.
  if (!answer.alias.empty()) {
    records.push_back(Record(owner, kTypeCname, answer.alias_ttl, Labels(answer.alias)));
    owner = Labels(answer.alias);
  }
  const bool is_truncated = is_udp && answer.is_truncated_on_udp;
  for (const std::string& address : answer.addresses) {
    std::string record = AddressRecord(owner, type, answer.ttl, address);
    if (!record.empty() && !is_truncated) records.push_back(std::move(record));
  }
  const size_t flags = 0x8180u | (is_truncated ? 0x0200u : 0u) | static_cast<size_t>(answer.rcode);
  std::string reply =
      absl::StrCat(question.substr(0, 2), Number16(flags), Number16(1), Number16(records.size()),
                   Number32(0), question.substr(kHeaderBytes, question_end - kHeaderBytes));
  for (const std::string& record : records) reply += record;
  return reply;
}

}  // namespace sluice::net::dns
