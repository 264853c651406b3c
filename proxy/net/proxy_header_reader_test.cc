#include "proxy/net/proxy_header_reader.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>

namespace sluice::net {
namespace {

// A reader whose other end is a plain socket in the test's hand.
class ProxyHeaderReaderTest : public ::testing::Test, public ProxyHeaderReader::Owner {
 protected:
  void Begin(bool is_optional, int64_t timeout_ns = 60'000'000'000) {
    ASSERT_TRUE(loop_.Init().ok());
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer_ = Fd(fds[1]);
    ProxyHeaderReader::Owner& owner = *this;
    reader_ = std::make_unique<ProxyHeaderReader>(io_, Fd(fds[0]), *Address::Parse("10.0.0.1:1"),
                                                  is_optional, timeout_ns, owner);
    ASSERT_TRUE(reader_->Start().ok());
  }

  void Send(absl::string_view bytes) {
    ASSERT_EQ(write(peer_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    loop_.RunOnce(absl::ZeroDuration());
  }

  void OnProxyHeader(ProxyHeaderReader&, Transport transport, const Address& client) override {
    client_ = client.ToString();
    header_ = std::move(transport.proxy_header);
    char rest[1000];
    const ssize_t n = recv(transport.fd.get(), rest, sizeof(rest), 0);
    if (n > 0) rest_ = std::string(rest, static_cast<size_t>(n));
    loop_.DeleteLater(std::move(reader_));
  }
  void OnNoProxyHeader(ProxyHeaderReader&, bool is_late) override {
    failed_late_ = is_late;
    loop_.DeleteLater(std::move(reader_));
  }

  SystemClock clock_;
  event::Loop loop_{clock_};
  BlockPool pool_{1 << 24};
  IoContext io_{loop_, pool_};
  Fd peer_;
  std::unique_ptr<ProxyHeaderReader> reader_;
  std::string client_;
  std::unique_ptr<const ProxyHeader> header_;
  std::string rest_;
  std::optional<bool> failed_late_;
};

TEST_F(ProxyHeaderReaderTest, WhatFollowsTheHeaderIsLeftForTheNext) {
  Begin(/*is_optional=*/false);
  Send("PROXY TCP4 192.0.2.1 198.51.100.7 443 80\r\nhello");
  EXPECT_EQ(client_, "192.0.2.1:443");
  EXPECT_EQ(rest_, "hello");
}

TEST_F(ProxyHeaderReaderTest, AHeaderMayComeInAnyPieces) {
  Begin(/*is_optional=*/false);
  for (const char c : std::string("PROXY TCP4 192.0.2.1 198.51.100.7 443 80\r\n")) {
    EXPECT_EQ(client_, "");
    Send(absl::string_view(&c, 1));
  }
  EXPECT_EQ(client_, "192.0.2.1:443");
}

TEST_F(ProxyHeaderReaderTest, WhatALongOneAddsIsReadToItsEnd) {
  Begin(/*is_optional=*/false);
  std::string bytes("\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", 16);
  bytes += std::string("\xc0\x00\x02\x01\xc6\x33\x64\x07\x01\xbb\xdc\x04", 12);
  bytes += std::string("\x02\0\x0cshop.example\x04", 16);
  const size_t left = 0xffff - 12 - 18;
  bytes += static_cast<char>(left >> 8);
  bytes += static_cast<char>(left & 0xff);
  bytes += std::string(left, 'x');
  for (size_t at = 0; at < bytes.size(); at += 5000) {
    EXPECT_EQ(client_, "");
    Send(absl::string_view(bytes).substr(at, 5000));
  }
  EXPECT_EQ(client_, "192.0.2.1:443");
  EXPECT_EQ(rest_, "");
  ASSERT_NE(header_, nullptr);
  EXPECT_EQ(header_->destination.ToString(), "198.51.100.7:56324");
  EXPECT_EQ(header_->tlvs.Find(2), "shop.example");
}

TEST_F(ProxyHeaderReaderTest, AdditionsThatDoNotFitEndTheConnection) {
  Begin(/*is_optional=*/true);
  Send(
      {"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10"
       "\xc0\x00\x02\x01\xc6\x33\x64\x07\x01\xbb\xdc\x04"
       "\x02\0\x02x",
       32});
  EXPECT_EQ(failed_late_, false);
}

TEST_F(ProxyHeaderReaderTest, WhoSpeaksForItselfIsThePeer) {
  Begin(/*is_optional=*/false);
  Send("PROXY UNKNOWN\r\n");
  EXPECT_EQ(client_, "10.0.0.1:1");
  EXPECT_EQ(header_, nullptr);
}

TEST_F(ProxyHeaderReaderTest, AConnectionWithoutOneGoesOnOnlyWhereItIsOptional) {
  Begin(/*is_optional=*/true);
  Send("GET /");
  EXPECT_EQ(client_, "10.0.0.1:1");
  EXPECT_EQ(rest_, "GET /");
}

TEST_F(ProxyHeaderReaderTest, AConnectionWithoutOneEndsWhereItIsRequired) {
  Begin(/*is_optional=*/false);
  Send("GET /");
  EXPECT_EQ(failed_late_, false);
}

TEST_F(ProxyHeaderReaderTest, AHeaderThatIsWrongEndsTheConnectionEvenWhereItIsOptional) {
  Begin(/*is_optional=*/true);
  Send("PROXY TCP4 nobody\r\n");
  EXPECT_EQ(failed_late_, false);
}

TEST_F(ProxyHeaderReaderTest, APeerThatLeavesIsNotWaitedFor) {
  Begin(/*is_optional=*/true);
  Send("PROXY ");
  peer_.Close();
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_EQ(failed_late_, false);
}

TEST_F(ProxyHeaderReaderTest, OneThatDoesNotComeIsWaitedForSoLong) {
  Begin(/*is_optional=*/true, /*timeout_ns=*/1);
  while (!failed_late_.has_value()) loop_.RunOnce(absl::Milliseconds(10));
  EXPECT_EQ(failed_late_, true);
}

}  // namespace
}  // namespace sluice::net
