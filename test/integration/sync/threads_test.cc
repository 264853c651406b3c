// The client and the keeper on their own threads, without gRPC: what ThreadSanitizer can judge.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/http/h2/testing/server.h"
#include "proxy/sync/testing/update.h"
#include "proxy/sync/testing/views.h"
#include "sluice/v1/config_stream.pb.h"
#include "test/integration/sync/proxy_side.h"

namespace sluice {
namespace {

using http::h2::TestServer;
using sync::MakeUpdate;
using sync::TestRoute;

std::string Framed(const std::string& message) {
  const auto size = static_cast<uint32_t>(message.size());
  std::string framed(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) framed.push_back(static_cast<char>(size >> shift));
  return framed + message;
}

class ThreadsTest : public ::testing::Test {
 protected:
  ThreadsTest()
      : listener_(*net::Listen(*net::Address::Parse("127.0.0.1:0"), 16)),
        proxy_(directory_.path(), {net::LocalAddress(listener_.get()).ToString()}) {}

  // Takes the proxy's next connection and welcomes it.
  void Accept() {
    int fd = -1;
    Until([&] {
      fd = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      return fd >= 0;
    });
    server_ = std::make_unique<TestServer>(net::Fd(fd), TestServer::Options());
    Until([&] { return server_->requests.count(1) != 0 && !server_->requests.at(1).body.empty(); });
    server_->SendHead(1, {{":status", "200"}, {"content-type", "application/grpc"}});
    Send(sync::EncodeWelcome({sync::TestStoreId(), 1, 0, std::string(sync::kViewHashBytes, 'h')}));
  }
  void Send(const std::string& message) { server_->SendBody(1, Framed(message), /*end=*/false); }

  void Until(const std::function<bool()>& condition) {
    const absl::Time deadline = absl::Now() + absl::Seconds(50);
    while (!condition()) {
      ASSERT_LT(absl::Now(), deadline);
      if (server_ != nullptr) server_->Poll();
    }
  }

  sync::TestDirectory directory_;
  sync::TestView view_;
  net::Fd listener_;
  std::unique_ptr<TestServer> server_;
  ProxySide proxy_;
};

TEST_F(ThreadsTest, UpdatesQueriesAndLostStreamsPassBetweenThreads) {
  std::optional<sync::Generation> from;
  for (int round = 0; round < 5; ++round) {
    Accept();
    for (int i = 0; i < 20; ++i) {
      const std::string name = "r" + std::to_string(i);
      const auto update = MakeUpdate(from, view_.Apply({TestRoute(name, std::to_string(round))}));
      from = view_.generation;
      for (const std::string& message : sync::EncodeUpdate(update)) Send(message);
      Send(sync::EncodeQuery(static_cast<uint64_t>(i), "/clusters"));
      // Every other update is under way when the next one comes.
      if (i % 2 == 0) Until([&] { return proxy_.applied_number() == from->number; });
    }
    Until([&] { return proxy_.applied_number() == from->number; });
    server_->Close();
  }
  EXPECT_EQ(proxy_.served_count(), 20);
}

}  // namespace
}  // namespace sluice
