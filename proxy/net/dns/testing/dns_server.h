// A DNS server with scripted answers, on the loop of the test: UDP, and TCP on the same port for
// answers that are too long.
//
//   DnsServer server(loop);
//   server["orders.test"].addresses = {"127.0.0.1"};
//
// A name without a script has no addresses. Thread: the loop's. Lifetime: the loop outlives it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/event/loop.h"

namespace sluice::net::dns {

class DnsServer {
 public:
  struct Answer {
    std::vector<std::string> addresses = {};
    uint32_t ttl = 60;
    int rcode = 0;
    std::string alias = {};  // Answers through a CNAME with `alias_ttl`.
    uint32_t alias_ttl = 60;
    bool is_silent = false;
    bool is_truncated_on_udp = false;
  };

  // On 127.0.0.1 with a free port, or with the port of `other` on 127.0.0.2.
  explicit DnsServer(event::Loop& loop);
  DnsServer(event::Loop& loop, const DnsServer& other);
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  uint16_t port() const { return port_; }
  Answer& operator[](const std::string& name) { return answers_[name]; }

  // Questions over UDP for addresses of IPv4: every resolution asks one.
  int questions() const { return questions_; }
  int tcp_questions() const { return tcp_questions_; }

 private:
  class Udp;
  class Tcp;
  class TcpClient;

  DnsServer(event::Loop& loop, uint32_t ip, uint16_t port);
  bool Bind(uint32_t ip, uint16_t port);
  void OnUdp();
  void OnTcp();
  void OnTcpClient(TcpClient& client);
  std::string Reply(const std::string& question, bool is_udp);

  event::Loop& loop_;
  std::unique_ptr<Udp> on_udp_;
  std::unique_ptr<Tcp> on_tcp_;
  int udp_ = -1;
  int tcp_ = -1;
  uint16_t port_ = 0;
  std::map<std::string, Answer> answers_;
  std::vector<std::unique_ptr<TcpClient>> clients_;
  int questions_ = 0;
  int tcp_questions_ = 0;
};

}  // namespace sluice::net::dns
