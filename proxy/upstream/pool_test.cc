// Pools and a server's sockets in the test's hand.
#include "proxy/upstream/pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/upstream/cluster.h"
#include "proxy/upstream/testing/pool_request.h"

namespace sluice::upstream {
namespace {

class H1PoolTest : public ::testing::Test {
 protected:
  H1PoolTest() {
    EXPECT_TRUE(loop_.Init().ok());
    listener_ = *net::Listen(*net::Address::Parse("127.0.0.1:0"), 128);
    settings_.idle_timeout_ns = absl::ToInt64Nanoseconds(absl::Seconds(55));
    MakePoolWith(settings_);
  }

  ~H1PoolTest() override { Turn(); }

  void MakePoolWith(const Settings& settings) {
    pool_ = MakePool(context_, {net::LocalAddress(listener_.get()), ""},
                     std::make_shared<const Settings>(settings));
  }
  std::unique_ptr<PoolRequest> NewRequest(bool fresh = false) {
    auto request = std::make_unique<PoolRequest>(blocks_);
    request->Acquire(*pool_, fresh);
    return request;
  }
  // A request that has its connection, and the server's end of that.
  std::unique_ptr<PoolRequest> Connected(net::Fd* server) {
    auto request = NewRequest();
    while (!request->has_stream()) loop_.RunOnce(absl::Seconds(10));
    *server = Accept();
    return request;
  }
  net::Fd Accept() {
    while (true) {
      net::Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd.is_open()) return fd;
      loop_.RunOnce(absl::Milliseconds(10));
    }
  }
  // Serves it whole.
  void Finish(PoolRequest& request, const net::Fd& server) {
    request.Send();
    Turn();
    constexpr absl::string_view kResponse = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    char ignored[4096];
    ASSERT_GT(recv(server.get(), ignored, sizeof(ignored), 0), 0);
    ASSERT_GT(send(server.get(), kResponse.data(), kResponse.size(), MSG_NOSIGNAL), 0);
    while (request.status() == 0) loop_.RunOnce(absl::Seconds(10));
  }
  void Turn(int times = 2) {
    while (times-- > 0) loop_.RunOnce(absl::ZeroDuration());
  }
  static bool IsClosedByPeer(const net::Fd& server) {
    char byte;
    return recv(server.get(), &byte, 1, MSG_DONTWAIT) == 0;
  }

  ManualClock clock_;
  event::Loop loop_{clock_};
  net::BlockPool blocks_{1 << 24};
  net::IoContext io_{loop_, blocks_};
  observe::WorkerMetrics metrics_;
  http::h1::RawHead scratch_head_;
  PoolContext context_{io_, metrics_, scratch_head_};
  net::Fd listener_;
  Settings settings_;
  std::unique_ptr<Pool> pool_;
};

TEST_F(H1PoolTest, AFinishedConnectionCarriesTheNextRequestAtOnce) {
  net::Fd server;
  Finish(*Connected(&server), server);
  const auto second = NewRequest();
  EXPECT_TRUE(second->has_stream());
  EXPECT_TRUE(second->is_reused());
  EXPECT_EQ(pool_->connection_count(), 1u);
}

TEST_F(H1PoolTest, TheMostRecentlyUsedConnectionIsTakenFirst) {
  net::Fd one, two;
  auto first = Connected(&one);
  auto second = Connected(&two);
  Finish(*second, two);
  Finish(*first, one);
  auto third = NewRequest();
  ASSERT_TRUE(third->has_stream());
  third->Send();
  Turn();
  char byte;
  EXPECT_EQ(recv(one.get(), &byte, 1, MSG_DONTWAIT), 1) << "it came back last";
}

TEST_F(H1PoolTest, AFreshConnectionIsOpenedThoughAnotherIsFree) {
  net::Fd one;
  Finish(*Connected(&one), one);
  const auto fresh = NewRequest(/*fresh=*/true);
  EXPECT_FALSE(fresh->has_stream());
  while (!fresh->has_stream()) loop_.RunOnce(absl::Seconds(10));
  EXPECT_FALSE(fresh->is_reused());
  EXPECT_EQ(pool_->connection_count(), 2u);
}

TEST_F(H1PoolTest, WhoWantsAFreshConnectionIsGivenNoneThatComesFree) {
  net::Fd server;
  auto first = Connected(&server);
  const auto fresh = NewRequest(/*fresh=*/true);
  Finish(*first, server);
  while (!fresh->has_stream()) loop_.RunOnce(absl::Seconds(10));
  EXPECT_FALSE(fresh->is_reused());
}

TEST_F(H1PoolTest, UsedConnectionsMakeRoomForAFreshOne) {
  settings_.breaker_limits.connections = 2;
  MakePoolWith(settings_);
  net::Fd one, two;
  auto busy = Connected(&one);
  Finish(*Connected(&two), two);
  const auto first = NewRequest(/*fresh=*/true);
  while (!first->has_stream()) loop_.RunOnce(absl::Seconds(10));
  EXPECT_TRUE(IsClosedByPeer(two)) << "it was idle";
  const auto second = NewRequest(/*fresh=*/true);
  Finish(*busy, one);
  while (!second->has_stream()) loop_.RunOnce(absl::Seconds(10));
  EXPECT_FALSE(second->is_reused());
  EXPECT_EQ(pool_->connection_count(), 2u);
}

TEST_F(H1PoolTest, WhoWaitsGetsAConnectionThatComesFreeBeforeItsOwnIsOpen) {
  net::Fd server;
  auto first = Connected(&server);
  first->Send();
  Turn();
  auto second = NewRequest();  // Opens one; its loop has not turned yet.
  Finish(*first, server);
  EXPECT_TRUE(second->has_stream());
}

TEST_F(H1PoolTest, AConnectionWhoseRequestHasGoneIsKeptForTheNext) {
  NewRequest().reset();
  const net::Fd server = Accept();
  Turn();
  EXPECT_EQ(pool_->connection_count(), 1u);
  EXPECT_TRUE(NewRequest()->has_stream());
}

TEST_F(H1PoolTest, ARequestGivenUpHalfWayEndsItsConnection) {
  net::Fd server;
  auto request = Connected(&server);
  request->Send();
  Turn();
  request.reset();
  Turn();
  EXPECT_EQ(pool_->connection_count(), 0u);
}

TEST_F(H1PoolTest, AnIdleConnectionThatTheServerClosesIsNotHandedOut) {
  net::Fd server;
  Finish(*Connected(&server), server);
  server.Close();
  Turn();
  EXPECT_EQ(pool_->connection_count(), 0u);
  EXPECT_FALSE(NewRequest()->has_stream());
}

TEST_F(H1PoolTest, MoreThanMaxIdleAreNotKept) {
  settings_.max_idle = 1;
  MakePoolWith(settings_);
  net::Fd one, two;
  auto first = Connected(&one);
  auto second = Connected(&two);
  Finish(*first, one);
  Finish(*second, two);
  Turn();
  EXPECT_EQ(pool_->connection_count(), 1u);
  EXPECT_TRUE(IsClosedByPeer(two) || IsClosedByPeer(one));
}

TEST_F(H1PoolTest, AnIdleConnectionIsClosedAfterItsTime) {
  net::Fd server;
  Finish(*Connected(&server), server);
  clock_.Advance(absl::Seconds(50));
  Turn();
  EXPECT_EQ(pool_->connection_count(), 1u);
  clock_.Advance(absl::Seconds(6));
  Turn();
  EXPECT_EQ(pool_->connection_count(), 0u);
  EXPECT_TRUE(IsClosedByPeer(server));
}

TEST_F(H1PoolTest, AShorterIdleTimeHoldsForConnectionsThatAreThere) {
  net::Fd server;
  Finish(*Connected(&server), server);
  settings_.idle_timeout_ns = absl::ToInt64Nanoseconds(absl::Seconds(10));
  pool_->Adopt(std::make_shared<const Settings>(settings_));
  clock_.Advance(absl::Seconds(11));
  Turn();
  EXPECT_EQ(pool_->connection_count(), 0u);
}

TEST_F(H1PoolTest, ALowerMaxIdleHoldsForConnectionsThatAreThere) {
  net::Fd one, two;
  auto first = Connected(&one);
  auto second = Connected(&two);
  Finish(*first, one);
  Finish(*second, two);
  settings_.max_idle = 1;
  pool_->Adopt(std::make_shared<const Settings>(settings_));
  EXPECT_EQ(pool_->connection_count(), 1u);
  EXPECT_TRUE(IsClosedByPeer(one)) << "it was used first";
}

TEST_F(H1PoolTest, ARetiredPoolIsEmptyWhenItsLastRequestHasEnded) {
  net::Fd one, two;
  auto first = Connected(&one);
  auto second = Connected(&two);
  Finish(*second, two);
  pool_->Retire();
  EXPECT_TRUE(IsClosedByPeer(two)) << "it was idle";
  EXPECT_FALSE(pool_->is_empty());
  Finish(*first, one);
  EXPECT_TRUE(pool_->is_empty());
}

TEST_F(H1PoolTest, ARefusedConnectionIsToldToWhoWaits) {
  const net::Address address = net::LocalAddress(listener_.get());
  listener_.Close();
  pool_ = MakePool(context_, {address, ""}, std::make_shared<const Settings>(settings_));
  const auto request = NewRequest();
  while (!request->failure()) loop_.RunOnce(absl::Seconds(10));
  EXPECT_EQ(*request->failure(), http::ResetReason::kConnectFailed);
  EXPECT_TRUE(pool_->is_empty());
}

TEST_F(H1PoolTest, WithoutADescriptorItIsOverloadAndNotTheEndpointsFault) {
  rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  const auto request = NewRequest();
  setrlimit(RLIMIT_NOFILE, &before);
  Turn();
  ASSERT_TRUE(request->failure());
  EXPECT_EQ(*request->failure(), http::ResetReason::kOverload);
}

TEST_F(H1PoolTest, ADestroyedPoolForgetsWhoWaits) {
  const auto request = NewRequest();
  pool_.reset();
  Turn();
  EXPECT_FALSE(request->has_stream());
  EXPECT_FALSE(request->failure());
}

class H2PoolTest : public H1PoolTest {
 protected:
  H2PoolTest() {
    settings_.protocol = Protocol::kHttp2;
    MakePoolWith(settings_);
  }
};

// A request with retries had all of them at once, and none at a connection.
TEST_F(H2PoolTest, WhoAsksAgainWaitsForTheNextConnection) {
  const net::Address address = net::LocalAddress(listener_.get());
  listener_.Close();
  pool_ = MakePool(context_, {address, ""}, std::make_shared<const Settings>(settings_));
  PoolRequest request(blocks_);
  request.TryAgainFrom(*pool_);
  request.Acquire(*pool_);
  while (request.failures() == 0) loop_.RunOnce(absl::Seconds(10));
  EXPECT_EQ(request.failures(), 1);
  EXPECT_TRUE(request.is_waiting());
  EXPECT_EQ(pool_->connection_count(), 1u);
}

TEST_F(H2PoolTest, AFailedConnectionIsToldToAllWhoWait) {
  const net::Address address = net::LocalAddress(listener_.get());
  listener_.Close();
  pool_ = MakePool(context_, {address, ""}, std::make_shared<const Settings>(settings_));
  const auto one = NewRequest();
  const auto two = NewRequest();
  while (!two->failure()) loop_.RunOnce(absl::Seconds(10));
  EXPECT_EQ(one->failures() + two->failures(), 2);
}

// An upstream of one endpoint, whose pool is the cluster's.
class ClusterTest : public H1PoolTest {
 protected:
  ClusterTest() {
    endpoints_.emplace_back().address = net::LocalAddress(listener_.get());
    cluster_ = ClusterRef(
        new Cluster(context_, graveyard_, std::make_shared<const Settings>(settings_), Set(), 1));
    PoolRequest request(blocks_);
    request.Acquire(cluster_->PoolOf(0));
    while (!request.has_stream()) loop_.RunOnce(absl::Seconds(10));
    Finish(request, server_ = Accept());
  }
  ~ClusterTest() override {
    cluster_ = ClusterRef();
    Turn();
  }

  std::shared_ptr<const EndpointSet> Set() const {
    return std::make_shared<const EndpointSet>(Policy::kRoundRobin, endpoints_);
  }
  void Update() { cluster_->Update(std::make_shared<const Settings>(settings_), Set()); }
  bool HasConnection() {
    PoolRequest request(blocks_);
    request.Acquire(cluster_->PoolOf(0));
    return request.has_stream();
  }

  Graveyard graveyard_;
  std::vector<Endpoint> endpoints_;
  net::Fd server_;  // The server's end of the one connection, which is idle.
  ClusterRef cluster_;
};

// A change of any of them closed all connections.
TEST_F(ClusterTest, OtherTimesAndNumbersCloseNoConnection) {
  settings_.connect_timeout_ns /= 2;
  settings_.idle_timeout_ns /= 2;
  settings_.max_idle /= 2;
  settings_.breaker_limits.connections /= 2;
  Update();
  EXPECT_TRUE(HasConnection());
}

TEST_F(ClusterTest, AnotherProtocolTakesOtherConnections) {
  settings_.protocol = Protocol::kHttp2;
  Update();
  EXPECT_TRUE(IsClosedByPeer(server_));
}

TEST_F(ClusterTest, AnEndpointThatIsGoneHasNoConnection) {
  endpoints_.clear();
  Update();
  EXPECT_TRUE(IsClosedByPeer(server_));
}

// Where each connection says for whom it is made.
class SingleUsePoolTest : public H1PoolTest {
 protected:
  SingleUsePoolTest() {
    settings_.proxy_protocol = net::ProxyProtocol::kV1;
    MakePoolWith(settings_);
  }

  std::unique_ptr<PoolRequest> NewRequestOf(absl::string_view prelude) {
    auto request = std::make_unique<PoolRequest>(blocks_);
    request->set_prelude(prelude);
    request->Acquire(*pool_);
    return request;
  }
  static std::string Received(const net::Fd& server) {
    char bytes[4096];
    const ssize_t n = recv(server.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
    return n <= 0 ? "" : std::string(bytes, static_cast<size_t>(n));
  }
};

TEST_F(SingleUsePoolTest, AConnectionBeginsWithThePreludeOfItsOwnRequest) {
  const auto one = NewRequestOf("one\r\n");
  const auto two = NewRequestOf("two\r\n");
  while (!one->has_stream() || !two->has_stream()) loop_.RunOnce(absl::Seconds(10));
  const net::Fd first = Accept();
  const net::Fd second = Accept();
  two->Send();
  one->Send();
  Turn();
  EXPECT_EQ(Received(first).substr(0, 10), "one\r\nGET /");
  EXPECT_EQ(Received(second).substr(0, 10), "two\r\nGET /");
}

TEST_F(SingleUsePoolTest, AConnectionIsClosedBehindItsRequest) {
  auto request = NewRequestOf("one\r\n");
  while (!request->has_stream()) loop_.RunOnce(absl::Seconds(10));
  const net::Fd server = Accept();
  Finish(*request, server);
  Turn();
  EXPECT_TRUE(pool_->is_empty());
  EXPECT_TRUE(IsClosedByPeer(server));
}

TEST_F(SingleUsePoolTest, AConnectionWhoseRequestHasGoneIsClosedAndTheOthersKeepTheirs) {
  auto one = NewRequestOf("one\r\n");
  auto two = NewRequestOf("two\r\n");
  one.reset();
  EXPECT_EQ(pool_->connection_count(), 1u);
  while (!two->has_stream()) loop_.RunOnce(absl::Seconds(10));
  two->Send();
  Turn();
  const net::Fd gone = Accept();
  EXPECT_EQ(Received(gone), "");
  EXPECT_EQ(Received(Accept()).substr(0, 5), "two\r\n");
}

TEST_F(SingleUsePoolTest, WhoWaitsForTheBreakerGetsAConnectionWhenOneEnds) {
  settings_.breaker_limits.connections = 1;
  MakePoolWith(settings_);
  auto one = NewRequestOf("one\r\n");
  auto two = NewRequestOf("two\r\n");
  EXPECT_EQ(pool_->connection_count(), 1u);
  while (!one->has_stream()) loop_.RunOnce(absl::Seconds(10));
  Finish(*one, Accept());
  while (!two->has_stream()) loop_.RunOnce(absl::Seconds(10));
  two->Send();
  Turn();
  EXPECT_EQ(Received(Accept()).substr(0, 5), "two\r\n");
}

TEST_F(SingleUsePoolTest, ARefusedConnectionIsToldToWhomItWasFor) {
  const net::Address address = net::LocalAddress(listener_.get());
  listener_.Close();
  pool_ = MakePool(context_, {address, ""}, std::make_shared<const Settings>(settings_));
  const auto one = NewRequestOf("one\r\n");
  const auto two = NewRequestOf("two\r\n");
  while (!one->failure() || !two->failure()) loop_.RunOnce(absl::Seconds(10));
  EXPECT_EQ(*two->failure(), http::ResetReason::kConnectFailed);
  EXPECT_TRUE(pool_->is_empty());
}

TEST_F(SingleUsePoolTest, WithoutADescriptorWhoHasLeftIsNotTold) {
  rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  auto one = NewRequestOf("one\r\n");
  const auto two = NewRequestOf("two\r\n");
  setrlimit(RLIMIT_NOFILE, &before);
  one.reset();
  Turn();
  ASSERT_TRUE(two->failure());
  EXPECT_EQ(*two->failure(), http::ResetReason::kOverload);
  EXPECT_TRUE(pool_->is_empty());
}

}  // namespace
}  // namespace sluice::upstream
