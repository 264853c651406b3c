// What tests of the client's connection share: a user of a stream, and a connection to a
// TestServer.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http/h2/client_connection.h"
#include "proxy/http/h2/testing/server.h"

namespace sluice::http::h2 {

// One request's user: what it was told, in order.
class Call final : public ClientStreamEvents {
 public:
  explicit Call(net::BlockPool& pool) : arena_(pool, nullptr, nullptr) {}
  ~Call() { Release(); }

  // Lets go of the stream, as users must.
  void Release() {
    if (stream != nullptr) std::exchange(stream, nullptr)->Reset(ResetReason::kNone);
  }

  Arena& arena() override { return arena_; }
  void OnInformational(ResponseHead& head) override {
    log.push_back("informational " + std::to_string(head.status));
  }
  void OnHead(ResponseHead& response, bool end) override {
    log.push_back("head " + std::to_string(response.status) + (end ? " end" : ""));
    head = &response;
    if (on_head) on_head();
  }
  void OnBody(net::Buffer&& bytes) override {
    if (body.empty()) log.push_back("body");
    body += bytes.ToString();
  }
  void OnEnd(const HeaderMap* map) override {
    log.push_back("end");
    trailers = map;
  }
  void OnReset(ResetReason why) override {
    log.push_back("reset");
    reason = why;
    had_sent_bytes = std::exchange(stream, nullptr)->has_sent_bytes();
  }
  void OnSendRoom() override { ++rooms; }

  bool is_over() const { return !log.empty() && (log.back() == "end" || log.back() == "reset"); }

  ClientStream* stream = nullptr;
  std::vector<std::string> log;
  ResponseHead* head = nullptr;
  const HeaderMap* trailers = nullptr;
  std::string body;
  ResetReason reason = ResetReason::kNone;
  bool had_sent_bytes = false;
  int rooms = 0;
  std::function<void()> on_head;

 private:
  Arena arena_;
};

class ClientConnectionTest : public ::testing::Test, public ClientConnection::Owner {
 protected:
  ClientConnectionTest() { EXPECT_TRUE(loop_.Init().ok()); }

  // Owner
  void OnConnected() override { events_.push_back("connected"); }
  void OnClosed(ResetReason reason) override {
    events_.push_back("closed");
    closed_reason_ = reason;
    loop().DeleteLater(std::move(connection_));
  }
  void OnGoingAway() override { events_.push_back("going away"); }
  void OnIdle() override { events_.push_back("idle"); }
  void OnCapacity() override { events_.push_back("capacity"); }

  virtual event::Loop& loop() { return loop_; }

  void Connect(const TestServer::Options& server = {},
               const ClientConnection::Options& client = {}) {
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    server_ = std::make_unique<TestServer>(net::Fd(fds[1]), server);
    connection_ = std::make_unique<ClientConnection>(io_, net::Fd(fds[0]), /*connecting=*/false,
                                                     *this, client);
    ASSERT_TRUE(connection_->Start().ok());
    Turn();
  }

  // Lets both sides take what is there.
  void Turn(int times = 4) {
    for (int i = 0; i < times; ++i) {
      loop_.RunOnce(absl::ZeroDuration());
      server_->Poll();
    }
  }

  std::unique_ptr<Call> Open(const RequestHead& head, bool end = true) {
    auto call = std::make_unique<Call>(pool_);
    call->stream = connection_->NewStream(*call);
    EXPECT_NE(call->stream, nullptr);
    call->stream->SendHead(head, end);
    return call;
  }

  std::unique_ptr<Call> Get(absl::string_view path = "/") {
    RequestHead head(arena_);
    head.method = "GET";
    head.method_id = Method::kGet;
    head.authority = "example.com";
    head.path = path;
    return Open(head);
  }

  std::unique_ptr<Call> Post(BodySize size = BodySize::Unknown()) {
    RequestHead head(arena_);
    head.method = "POST";
    head.method_id = Method::kPost;
    head.authority = "example.com";
    head.path = "/";
    head.body = size;
    return Open(head, /*end=*/false);
  }

  net::Buffer Bytes(const std::string& text) {
    net::Buffer buffer;
    buffer.AppendCopy(pool_, text);
    return buffer;
  }

  // A stream's complete life, so that what follows finds a connection in use.
  void FinishOne() {
    auto call = Get();
    Turn();
    server_->Respond(server_->requests.rbegin()->first, {{":status", "200"}});
    Turn();
    call->Release();
    Turn();
    events_.clear();
  }

  SystemClock clock_;
  event::Loop loop_{clock_};
  net::BlockPool pool_{1 << 26};
  net::IoContext io_{loop_, pool_};
  Arena arena_{pool_, nullptr, nullptr};
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<ClientConnection> connection_;
  std::vector<std::string> events_;
  ResetReason closed_reason_ = ResetReason::kNone;
};

}  // namespace sluice::http::h2
