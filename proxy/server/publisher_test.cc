// Publishing to real workers on threads of their own, with real sockets.
#include "proxy/server/publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PublisherTest : public ::testing::Test {
 protected:
  static constexpr int kWorkers = 3;

  PublisherTest() {
    EXPECT_TRUE(loop_.Init().ok());
    std::vector<Worker*> borrowed;
    for (int i = 0; i < kWorkers; ++i) {
      workers_.push_back(std::make_unique<Worker>(clock_, metrics_, log_, Worker::Options()));
      EXPECT_TRUE(workers_.back()->Start().ok());
      borrowed.push_back(workers_.back().get());
    }
    publisher_ = std::make_unique<Publisher>(
        loop_, borrowed, [this](const std::vector<BindFault>& faults) { later_ = faults; });
  }

  ~PublisherTest() override {
    for (const auto& worker : workers_) worker->Join();
  }

  // A generation with these listeners and no routes: everything is answered 404.
  std::shared_ptr<const runtime::Snapshot> Generation(uint64_t number,
                                                      const std::vector<net::Address>& addresses) {
    auto snapshot = std::make_shared<runtime::Snapshot>();
    snapshot->generation = number;
    snapshot->consumers = std::make_shared<const plugins::ConsumerTable>();
    for (const net::Address& address : addresses) {
      auto spec = std::make_shared<runtime::ListenerSpec>();
      spec->name = address.ToString();
      spec->address = address;
      spec->rules = std::make_shared<const exchange::ListenerRules>();
      spec->connections = connections_;
      spec->max_connections = max_connections_;
      snapshot->listeners.push_back(std::move(spec));
    }
    return snapshot;
  }

  // Publishes, and waits until every worker serves it.
  std::vector<BindFault> Publish(std::shared_ptr<const runtime::Snapshot> snapshot) {
    bool is_done = false;
    std::vector<BindFault> faults;
    publisher_->Publish(std::move(snapshot), {}, [&](const std::vector<BindFault>& found) {
      is_done = true;
      faults = found;
    });
    while (!is_done) loop_.RunOnce(absl::Seconds(10));
    return faults;
  }

  // An address that nobody listens on now.
  static net::Address FreeAddress() {
    return net::LocalAddress(net::Listen(*net::Address::Parse("127.0.0.1:0"), 1)->get());
  }

  SystemClock clock_;
  event::Loop loop_{clock_};
  observe::MetricRegistry metrics_;
  observe::LogThread log_{clock_};
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Publisher> publisher_;
  std::vector<BindFault> later_;
  std::shared_ptr<runtime::ConnectionCount> connections_ =
      std::make_shared<runtime::ConnectionCount>();
  uint32_t max_connections_ = UINT32_MAX;
};

// A blocking client's connection; closed if nobody listens.
net::Fd Connect(const net::Address& address) {
  net::Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage;
  const socklen_t length = address.ToSockaddr(storage);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) fd.Close();
  return fd;
}

// The first bytes of the answer to a request; empty if the connection ended.
std::string Ask(const net::Fd& connection) {
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  if (send(connection.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return "";
  std::string answer;
  while (answer.find("\r\n\r\n") == std::string::npos) {
    char buffer[4096];
    const ssize_t n = recv(connection.get(), buffer, sizeof(buffer), 0);
    if (n <= 0) return "";
    answer.append(buffer, static_cast<size_t>(n));
  }
  return answer;
}

TEST_F(PublisherTest, WhenItIsDoneEveryWorkerServesIt) {
  const net::Address address = FreeAddress();
  EXPECT_THAT(Publish(Generation(1, {address})), IsEmpty());
  EXPECT_FALSE(publisher_->is_publishing());
  // The kernel spreads connections over the workers' sockets.
  for (int i = 0; i < 20; ++i) {
    const net::Fd connection = Connect(address);
    ASSERT_TRUE(connection.is_open());
    EXPECT_THAT(Ask(connection), HasSubstr("404"));
  }
}

TEST_F(PublisherTest, ATakenAddressIsAFaultAndTheOthersAreServed) {
  const net::Fd other = *net::Listen(*net::Address::Parse("127.0.0.1:0"), 1);
  const net::Address taken = net::LocalAddress(other.get());
  const net::Address free = FreeAddress();
  const std::vector<BindFault> faults = Publish(Generation(1, {taken, free}));
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0].listener, taken.ToString());
  EXPECT_THAT(faults[0].problem, HasSubstr("in use"));
  EXPECT_THAT(Ask(Connect(free)), HasSubstr("404"));
}

TEST_F(PublisherTest, ATakenAddressIsServedOnceItIsFree) {
  net::Fd other = *net::Listen(*net::Address::Parse("127.0.0.1:0"), 1);
  const net::Address address = net::LocalAddress(other.get());
  later_ = {{"not", "told yet"}};
  ASSERT_EQ(Publish(Generation(1, {address})).size(), 1u);
  other.Close();
  while (!later_.empty()) loop_.RunOnce(absl::Seconds(10));
  EXPECT_THAT(Ask(Connect(address)), HasSubstr("404"));
}

TEST_F(PublisherTest, AListenerThatIsGoneRefusesAndClosesItsConnections) {
  const net::Address address = FreeAddress();
  Publish(Generation(1, {address}));
  const net::Fd connection = Connect(address);
  ASSERT_THAT(Ask(connection), HasSubstr("404"));
  Publish(Generation(2, {}));
  char byte;
  EXPECT_EQ(recv(connection.get(), &byte, 1, 0), 0);
  EXPECT_FALSE(Connect(address).is_open());
}

TEST_F(PublisherTest, AListenerThatComesBackIsBoundAgain) {
  const net::Address address = FreeAddress();
  for (uint64_t generation = 1; generation < 20; generation += 2) {
    ASSERT_THAT(Publish(Generation(generation, {address})), IsEmpty());
    EXPECT_THAT(Ask(Connect(address)), HasSubstr("404"));
    Publish(Generation(generation + 1, {}));
  }
}

// Each worker allowed as many.
TEST_F(PublisherTest, TheLimitOfConnectionsIsOfAllWorkersTogether) {
  max_connections_ = 3;
  const net::Address address = FreeAddress();
  Publish(Generation(1, {address}));
  std::vector<net::Fd> open;
  for (int i = 0; i < 3; ++i) {
    open.push_back(Connect(address));
    ASSERT_THAT(Ask(open.back()), HasSubstr("404"));
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Ask(Connect(address)), "");
  Publish(Generation(2, {address}));
  EXPECT_EQ(Ask(Connect(address)), "") << "another generation counts on";
  open.pop_back();
  // Until the worker has seen that it ended.
  while (Ask(Connect(address)).empty()) {
  }
}

// A listener that was widened, or narrowed again, refused everybody for 5 s.
TEST_F(PublisherTest, AnAddressThatIsWidenedAndNarrowedLosesNoConnection) {
  const net::Address narrow = FreeAddress();
  const net::Address wide(net::IpAddress::V4(0), narrow.port());
  ASSERT_THAT(Publish(Generation(1, {narrow})), IsEmpty());
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) {
        if (Ask(Connect(narrow)).find("404") == std::string::npos) ++failures;
      }
    });
  }
  for (uint64_t generation = 2; generation <= 60; ++generation) {
    const net::Address& address = generation % 2 == 0 ? wide : narrow;
    EXPECT_THAT(Publish(Generation(generation, {address})), IsEmpty());
    EXPECT_THAT(Ask(Connect(narrow)), HasSubstr("404"));
  }
  stop.store(true, std::memory_order_relaxed);
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failures.load(), 0);
}

TEST_F(PublisherTest, AConnectionLivesThroughTheWideningAndNarrowingOfItsAddress) {
  const net::Address narrow = FreeAddress();
  const net::Address wide(net::IpAddress::V4(0), narrow.port());
  Publish(Generation(1, {narrow}));
  const net::Fd connection = Connect(narrow);
  ASSERT_THAT(Ask(connection), HasSubstr("404"));
  Publish(Generation(2, {wide}));
  EXPECT_THAT(Ask(connection), HasSubstr("404"));
  Publish(Generation(3, {narrow}));
  EXPECT_THAT(Ask(connection), HasSubstr("404"));
}

TEST_F(PublisherTest, AWideAddressThatIsNarrowedRefusesTheOthers) {
  const net::Address narrow = FreeAddress();
  const net::Address other(*net::IpAddress::Parse("127.0.0.2"), narrow.port());
  Publish(Generation(1, {net::Address(net::IpAddress::V4(0), narrow.port())}));
  const net::Fd connection = Connect(other);
  EXPECT_THAT(Ask(connection), HasSubstr("404"));
  EXPECT_THAT(Publish(Generation(2, {narrow})), IsEmpty());
  EXPECT_THAT(Ask(Connect(narrow)), HasSubstr("404"));
  char byte;
  EXPECT_EQ(recv(connection.get(), &byte, 1, 0), 0);
  EXPECT_FALSE(Connect(other).is_open());
}

TEST_F(PublisherTest, AWidenedAddressThatIsGoneRefuses) {
  const net::Address narrow = FreeAddress();
  Publish(Generation(1, {narrow}));
  Publish(Generation(2, {net::Address(net::IpAddress::V4(0), narrow.port())}));
  Publish(Generation(3, {}));
  EXPECT_FALSE(Connect(narrow).is_open());
}

TEST_F(PublisherTest, AnAddressThatComesBackBeforeItsSocketIsClosedIsServed) {
  const net::Address address = FreeAddress();
  Publish(Generation(1, {address}));
  publisher_->Publish(Generation(2, {}), {}, [](const auto&) {});
  EXPECT_THAT(Publish(Generation(3, {address})), IsEmpty());
  EXPECT_THAT(Ask(Connect(address)), HasSubstr("404"));
}

TEST_F(PublisherTest, PublicationsThatOverlapAreDoneInTheirOrder) {
  const net::Address address = FreeAddress();
  std::vector<uint64_t> done;
  for (uint64_t generation = 1; generation <= 5; ++generation) {
    publisher_->Publish(Generation(generation, {address}), {},
                        [&done, generation](const auto&) { done.push_back(generation); });
  }
  EXPECT_TRUE(publisher_->is_publishing());
  while (done.size() < 5) loop_.RunOnce(absl::Seconds(10));
  EXPECT_THAT(done, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_FALSE(publisher_->is_publishing());
}

TEST_F(PublisherTest, ConnectionsLiveThroughGenerationsThatComeWhileTheyAreServed) {
  const net::Address address = FreeAddress();
  Publish(Generation(1, {address}));
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      const net::Fd connection = Connect(address);
      while (!stop.load(std::memory_order_relaxed)) {
        if (Ask(connection).find("404") == std::string::npos) return void(++failures);
      }
    });
  }
  const net::Address second = FreeAddress();
  for (uint64_t generation = 2; generation <= 100; ++generation) {
    Publish(generation % 2 == 0 ? Generation(generation, {address, second})
                                : Generation(generation, {address}));
  }
  stop.store(true, std::memory_order_relaxed);
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failures.load(), 0);
}

TEST_F(PublisherTest, DrainingWorkersTellWhenTheLastConnectionIsGone) {
  const net::Address address = FreeAddress();
  Publish(Generation(1, {address}));
  const net::Fd connection = Connect(address);
  ASSERT_THAT(Ask(connection), HasSubstr("404"));
  int idle = 0;
  for (const auto& worker : workers_) {
    worker->DrainFromAnyThread(IdleDrain::kClose,
                               [&] { loop_.PostFromAnyThread([&idle] { ++idle; }); });
  }
  while (idle < kWorkers) loop_.RunOnce(absl::Seconds(10));
  char byte;
  EXPECT_EQ(recv(connection.get(), &byte, 1, 0), 0);
}

}  // namespace
}  // namespace sluice::server
