// net::Connection over TLS: a client's and an accepted one, on two ends of a socket pair.

#include "proxy/net/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <string>

#include "proxy/net/tls/client_context.h"
#include "proxy/net/tls/server_handshake.h"
#include "proxy/net/tls/testing/authority.h"

namespace sluice::net::tls {
namespace {

// One end, which remembers what it was told.
class End : public Connection::Owner {
 public:
  void Take(std::unique_ptr<Connection> connection) { connection_ = std::move(connection); }
  void OnReadable() override {
    while (!pauses && connection_->may_be_readable()) {
      char buffer[70'000];
      const ReadResult result = connection_->Read(buffer, sizeof(buffer));
      if (result.status == ReadStatus::kEnd) ended = true;
      if (result.status == ReadStatus::kError) failed = true;
      if (result.status != ReadStatus::kData) return;
      received.append(buffer, result.bytes);
    }
  }
  void OnWriteRoom() override { ++rooms; }
  void OnWriteError(int) override { failed = true; }
  void OnConnected(int error) override { connected = error; }
  void Send(const std::string& text) {
    connection_->out().AppendCopy(connection_->io().pool, text);
    connection_->FlushSoon();
  }
  Connection& connection() { return *connection_; }
  bool has_connection() const { return connection_ != nullptr; }
  void Drop() { connection_.reset(); }

  std::string received;
  std::optional<int> connected;
  bool ended = false;
  bool failed = false;
  bool pauses = false;
  int rooms = 0;

 private:
  std::unique_ptr<Connection> connection_;
};

class TlsConnectionTest : public ::testing::Test, public ServerHandshake::Owner {
 protected:
  TlsConnectionTest() {
    EXPECT_TRUE(loop_.Init().ok());
    const auto issued = authority_.Issue({.names = {"DNS:a.example"}});
    server_context_ = *ServerContext::Make(
        {.name = "public",
         .certificates = {*Certificate::Load({issued.chain_pem, issued.key_pem, ""})}});
    client_context_ = *ClientContext::Make({.trust = *Trust::FromPem(authority_.pem())});
  }
  void Open(const std::string& host = "a.example", int64_t timeout_ns = 60'000'000'000) {
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    handshake_ = std::make_unique<ServerHandshake>(io_, Fd(fds[0]), Address(), server_context_,
                                                   timeout_ns, *this);
    ASSERT_TRUE(handshake_->Start().ok());
    client_.Take(std::make_unique<Connection>(
        io_, Transport(Fd(fds[1]), client_context_->NewSession(io_, host, nullptr)),
        event::Phase::kFlushUpstream, client_, /*connecting=*/true));
  }
  void OpenBoth() {
    Open();
    ASSERT_TRUE(client_.connection().Register().ok());
    ASSERT_TRUE(RunUntil([this] { return client_.connected && server_.has_connection(); }));
  }
  void OnHandshakeDone(ServerHandshake&, Transport transport) override {
    loop_.DeleteLater(std::move(handshake_));
    server_.Take(std::make_unique<Connection>(io_, std::move(transport), event::Phase::kFlushClient,
                                              server_, /*connecting=*/false));
    ASSERT_TRUE(server_.connection().Register().ok());
  }
  void OnHandshakeFailed(ServerHandshake&, absl::string_view reason) override {
    failure_ = std::string(reason);
    loop_.DeleteLater(std::move(handshake_));
  }
  template <typename F>
  bool RunUntil(F done) {
    for (int i = 0; i < 10'000 && !done(); ++i) loop_.RunOnce(absl::Milliseconds(1));
    return done();
  }

  SystemClock clock_;
  event::Loop loop_{clock_};
  BlockPool pool_{1 << 26};
  IoContext io_{loop_, pool_};
  testing::Authority authority_{"ca"};
  std::shared_ptr<const ServerContext> server_context_;
  std::shared_ptr<const ClientContext> client_context_;
  std::unique_ptr<ServerHandshake> handshake_;
  std::string failure_;
  End server_;
  End client_;
};

TEST_F(TlsConnectionTest, BothEndsHearEachOther) {
  OpenBoth();
  EXPECT_EQ(client_.connected, 0);
  client_.Send("ping");
  ASSERT_TRUE(RunUntil([&] { return server_.received == "ping"; }));
  server_.Send("pong");
  ASSERT_TRUE(RunUntil([&] { return client_.received == "pong"; }));
  EXPECT_EQ(server_.connection().secure()->server_name(), "a.example");
}

TEST_F(TlsConnectionTest, WhatComesWithTheEndOfTheHandshakeIsRead) {
  Open();
  client_.Send("early");  // Leaves together with the client's last flight.
  ASSERT_TRUE(client_.connection().Register().ok());
  EXPECT_TRUE(RunUntil([&] { return server_.received == "early"; }));
}

TEST_F(TlsConnectionTest, LargeTransfersArriveWholeBothWays) {
  OpenBoth();
  std::string up(3'000'000, '\0');
  for (size_t i = 0; i < up.size(); ++i) up[i] = static_cast<char>(i * 31 >> 7);
  const std::string down = up.substr(1'000'000);
  client_.Send(up);
  server_.Send(down);
  EXPECT_TRUE(RunUntil([&] {
    return server_.received.size() == up.size() && client_.received.size() == down.size();
  }));
  EXPECT_TRUE(server_.received == up);
  EXPECT_TRUE(client_.received == down);
}

TEST_F(TlsConnectionTest, AReaderThatPausesHoldsTheWriterAndLosesNothing) {
  OpenBoth();
  server_.pauses = true;
  client_.Send(std::string(2'000'000, 'x'));
  loop_.RunOnce(absl::Milliseconds(1));
  EXPECT_TRUE(client_.connection().is_above_high_water());
  for (int i = 0; i < 20; ++i) loop_.RunOnce(absl::ZeroDuration());
  EXPECT_TRUE(client_.connection().is_above_high_water());
  EXPECT_EQ(client_.rooms, 0);
  server_.pauses = false;
  EXPECT_TRUE(RunUntil([&] {
    server_.OnReadable();
    return server_.received.size() == 2'000'000;
  }));
  EXPECT_EQ(client_.rooms, 1);
}

TEST_F(TlsConnectionTest, AReadOfOneByteLeavesTheRestForTheNext) {
  OpenBoth();
  server_.pauses = true;
  client_.Send("abc");
  for (int i = 0; i < 20; ++i) loop_.RunOnce(absl::ZeroDuration());
  std::string read;
  char byte;
  while (server_.connection().Read(&byte, 1).status == ReadStatus::kData) read += byte;
  EXPECT_EQ(read, "abc");
  EXPECT_FALSE(server_.connection().may_be_readable());
}

TEST_F(TlsConnectionTest, AnAnnouncedEndIsAnEnd) {
  OpenBoth();
  client_.Send("bye");
  ASSERT_TRUE(RunUntil([&] { return client_.connection().is_flushed(); }));
  client_.connection().ShutdownWrite();
  ASSERT_TRUE(RunUntil([&] { return server_.ended || server_.failed; }));
  EXPECT_EQ(server_.received, "bye");
  EXPECT_TRUE(server_.ended);
  // The other direction goes on.
  server_.Send("still here");
  EXPECT_TRUE(RunUntil([&] { return client_.received == "still here"; }));
}

TEST_F(TlsConnectionTest, ClosingAnnouncesTheEnd) {
  OpenBoth();
  client_.Send("last");
  ASSERT_TRUE(RunUntil([&] { return server_.received == "last"; }));
  client_.connection().Close();
  ASSERT_TRUE(RunUntil([&] { return server_.ended || server_.failed; }));
  EXPECT_TRUE(server_.ended);
}

TEST_F(TlsConnectionTest, ClosingAfterTheEndWasAnnouncedAddsNothing) {
  OpenBoth();
  client_.Send("last");
  ASSERT_TRUE(RunUntil([&] { return server_.received == "last"; }));
  client_.connection().ShutdownWrite();
  client_.connection().Close();
  ASSERT_TRUE(RunUntil([&] { return server_.ended || server_.failed; }));
  EXPECT_TRUE(server_.ended);
}

TEST_F(TlsConnectionTest, AnEndThatNobodyAnnouncedIsAnError) {
  OpenBoth();
  shutdown(client_.connection().fd(), SHUT_RDWR);
  ASSERT_TRUE(RunUntil([&] { return server_.ended || server_.failed; }));
  EXPECT_TRUE(server_.failed);
}

TEST_F(TlsConnectionTest, AClientThatDoesNotTrustTheServerFailsToConnect) {
  Open("b.example");
  ASSERT_TRUE(client_.connection().Register().ok());
  ASSERT_TRUE(RunUntil([&] { return client_.connected && !failure_.empty(); }));
  EXPECT_EQ(client_.connected, EPROTO);
  EXPECT_EQ(client_.connection().secure()->failure(), "name_mismatch");
}

TEST_F(TlsConnectionTest, AClientThatSaysNothingRunsOutOfTime) {
  Open("a.example", /*timeout_ns=*/1'000'000);
  ASSERT_TRUE(RunUntil([&] { return !failure_.empty(); }));
  EXPECT_EQ(failure_, "timeout");
}

TEST_F(TlsConnectionTest, AnIdleConnectionHoldsNoBuffer) {
  OpenBoth();
  client_.Send(std::string(100'000, 'x'));
  ASSERT_TRUE(RunUntil([&] { return server_.received.size() == 100'000; }));
  server_.Send("done");
  ASSERT_TRUE(RunUntil([&] { return client_.received == "done"; }));
  // The worker's own block for what comes off the wire is all that is lent.
  EXPECT_LE(pool_.lent_bytes(), 64u * 1024);
}

}  // namespace
}  // namespace sluice::net::tls
