#include "proxy/net/dns/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "proxy/net/dns/route.h"
#include "proxy/net/dns/testing/dns_server.h"

namespace sluice::net::dns {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> Texts(const absl::StatusOr<Resolver::Addresses>& addresses) {
  if (!addresses.ok()) return {std::string(addresses.status().message())};
  std::vector<std::string> texts;
  for (const IpAddress& address : *addresses) texts.push_back(address.ToString());
  return texts;
}

class ResolverTest : public ::testing::Test {
 protected:
  using Results = std::vector<std::vector<std::string>>;

  ResolverTest() {
    EXPECT_TRUE(loop_.Init().ok());
    server_.emplace(loop_);
    WriteResolvConf("127.0.0.1");
    resolver_.emplace(loop_, Resolver::Options{.resolv_conf = resolv_conf_,
                                               .port = server_->port(),
                                               .timeout = absl::Milliseconds(100),
                                               .tries = 2});
    EXPECT_TRUE(resolver_->Init().ok());
  }
  ~ResolverTest() override { unlink(resolv_conf_.c_str()); }

  void WriteResolvConf(absl::string_view server) {
    const std::string temporary = absl::StrCat(resolv_conf_, ".new");
    std::ofstream(temporary) << "nameserver " << server << "\n";
    ASSERT_EQ(rename(temporary.c_str(), resolv_conf_.c_str()), 0);
  }

  // Every result of a watch, as texts.
  std::unique_ptr<Resolver::Watch> Watch(absl::string_view name, Results& results) {
    return resolver_->Resolve(
        name, [&results](const auto& addresses) { results.push_back(Texts(addresses)); });
  }

  template <typename Condition>
  void RunUntil(Condition condition) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    while (!condition() && absl::Now() < deadline) loop_.RunOnce(absl::Milliseconds(20));
    EXPECT_TRUE(condition());
  }

  // Lets everything that is under way between resolver and server happen.
  void Settle() {
    for (int i = 0; i < 5; ++i) loop_.RunOnce(absl::Milliseconds(5));
  }

  ManualClock clock_;
  event::Loop loop_{clock_};
  std::optional<DnsServer> server_;
  std::string resolv_conf_ = absl::StrCat(::testing::TempDir(), "/resolv.conf.", getpid());
  std::optional<Resolver> resolver_;
};

TEST_F(ResolverTest, AllAddressesOfANameAreGivenInOrder) {
  (*server_)["orders.test"].addresses = {"127.0.0.9", "127.0.0.1"};
  Results results;
  const auto watch = Watch("orders.test", results);
  RunUntil([&] { return !results.empty(); });
  EXPECT_THAT(results, ElementsAre(ElementsAre("127.0.0.1", "127.0.0.9")));
}

TEST_F(ResolverTest, AddressesOfBothFamiliesAreGivenWhereThereIsARoute) {
  (*server_)["orders.test"].addresses = {"127.0.0.1", "::1", "2001:db8::77"};
  std::vector<std::string> reachable = {"127.0.0.1"};
  for (const char* text : {"::1", "2001:db8::77"}) {
    if (HasRoute(*IpAddress::Parse(text))) reachable.push_back(text);
  }
  Results results;
  const auto watch = Watch("orders.test", results);
  RunUntil([&] { return !results.empty(); });
  EXPECT_THAT(results[0], ::testing::UnorderedElementsAreArray(reachable));
}

TEST_F(ResolverTest, NumericAddressesAskNobody) {
  Results v4;
  Results v6;
  const auto watch_v4 = Watch("10.1.2.3", v4);
  const auto watch_v6 = Watch("2001:db8::1", v6);
  EXPECT_THAT(v4, IsEmpty());  // Never inside the call.
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_THAT(v4, ElementsAre(ElementsAre("10.1.2.3")));
  EXPECT_THAT(v6, ElementsAre(ElementsAre("2001:db8::1")));
  clock_.Advance(absl::Hours(1));
  Settle();
  EXPECT_EQ(server_->questions(), 0);
}

TEST_F(ResolverTest, TheHostsFileIsHonoured) {
  Results results;
  const auto watch = Watch("localhost", results);
  RunUntil([&] { return !results.empty(); });
  EXPECT_THAT(results[0], ::testing::Contains("127.0.0.1"));
  EXPECT_EQ(server_->questions(), 0);
}

TEST_F(ResolverTest, ANameIsAskedAgainWhenItsTimeToLiveIsOver) {
  (*server_)["orders.test"] = {.addresses = {"127.0.0.1"}, .ttl = 30};
  Results results;
  const auto watch = Watch("orders.test", results);
  RunUntil([&] { return !results.empty(); });
  (*server_)["orders.test"].addresses = {"127.0.0.2"};
  clock_.Advance(absl::Seconds(29));
  Settle();
  EXPECT_EQ(server_->questions(), 1);
  clock_.Advance(absl::Seconds(2));
  RunUntil([&] { return results.size() == 2; });
  EXPECT_THAT(results[1], ElementsAre("127.0.0.2"));
}

TEST_F(ResolverTest, TheSmallestTimeToLiveOnTheWayCounts) {
  (*server_)["orders.test"] = {
      .addresses = {"127.0.0.1"}, .ttl = 200, .alias = "real.test", .alias_ttl = 20};
  Results results;
  const auto watch = Watch("orders.test", results);
  RunUntil([&] { return !results.empty(); });
  EXPECT_THAT(results[0], ElementsAre("127.0.0.1"));
  clock_.Advance(absl::Seconds(21));
  RunUntil([&] { return server_->questions() == 2; });
}

TEST_F(ResolverTest, ATimeToLiveOfZeroIsASecond) {
  (*server_)["orders.test"] = {.addresses = {"127.0.0.1"}, .ttl = 0};
  Results results;
  const auto watch = Watch("orders.test", results);
  RunUntil([&] { return !results.empty(); });
  clock_.Advance(absl::Milliseconds(900));
  Settle();
  EXPECT_EQ(server_->questions(), 1);
  clock_.Advance(absl::Milliseconds(200));
  RunUntil([&] { return server_->questions() == 2; });
}

TEST_F(ResolverTest, ALongTimeToLiveIsFiveMinutes) {
  (*server_)["orders.test"] = {.addresses = {"127.0.0.1"}, .ttl = 86'400};
  Results results;
  const auto watch = Watch("orders.test", results);
  RunUntil([&] { return !results.empty(); });
  clock_.Advance(absl::Seconds(301));
  RunUntil([&] { return server_->questions() == 2; });
}

TEST_F(ResolverTest, UnchangedAddressesAreNotToldAgain) {
  (*server_)["orders.test"].addresses = {"127.0.0.1", "127.0.0.2"};
  Results results;
  const auto watch = Watch("orders.test", results);
  RunUntil([&] { return !results.empty(); });
  (*server_)["orders.test"].addresses = {"127.0.0.2", "127.0.0.1"};
  clock_.Advance(absl::Seconds(61));
  RunUntil([&] { return resolver_->stats().resolved == 2; });
  Settle();
  EXPECT_THAT(results, SizeIs(1));
}

TEST_F(ResolverTest, ManyWatchesOfANameAskOnce) {
  (*server_)["orders.test"].addresses = {"127.0.0.1"};
  Results results;
  const auto first = Watch("orders.test", results);
  const auto second = Watch("orders.test", results);
  RunUntil([&] { return results.size() == 2; });
  const auto late = Watch("orders.test", results);
  RunUntil([&] { return results.size() == 3; });
  EXPECT_THAT(results, ::testing::Each(ElementsAre("127.0.0.1")));
  EXPECT_EQ(server_->questions(), 1);
}

TEST_F(ResolverTest, AFailureKeepsTheLastAddresses) {
  (*server_)["orders.test"].addresses = {"127.0.0.1"};
  Results results;
  const auto watch = Watch("orders.test", results);
  RunUntil([&] { return !results.empty(); });
  (*server_)["orders.test"] = {.rcode = 3};  // It does not exist any more.
  clock_.Advance(absl::Seconds(61));
  RunUntil([&] { return resolver_->stats().failed == 1; });
  Settle();
  EXPECT_THAT(results, SizeIs(1));
}

TEST_F(ResolverTest, ANameWithoutAddressesSaysSoOnceAndIsTriedAgain) {
  (*server_)["orders.test"].rcode = 3;
  Results results;
  const auto watch = Watch("orders.test", results);
  RunUntil([&] { return !results.empty(); });
  EXPECT_THAT(results[0], ElementsAre(HasSubstr("DNS name \"orders.test\": ")));
  clock_.Advance(absl::Milliseconds(1'100));
  RunUntil([&] { return resolver_->stats().failed == 2; });
  (*server_)["orders.test"] = {.addresses = {"127.0.0.5"}};
  clock_.Advance(absl::Milliseconds(2'100));
  RunUntil([&] { return results.size() == 2; });
  EXPECT_THAT(results[1], ElementsAre("127.0.0.5"));
}

TEST_F(ResolverTest, RetriesBackOffToThirtySeconds) {
  (*server_)["orders.test"].rcode = 2;
  Results results;
  const auto watch = Watch("orders.test", results);
  RunUntil([&] { return resolver_->stats().failed == 1; });
  uint64_t failed = 1;
  for (const int seconds : {1, 2, 4, 8, 16, 30, 30}) {
    clock_.Advance(absl::Seconds(seconds) - absl::Milliseconds(100));
    Settle();
    EXPECT_EQ(resolver_->stats().failed, failed) << seconds;
    clock_.Advance(absl::Milliseconds(200));
    RunUntil([&] { return resolver_->stats().failed > failed; });
    ++failed;
  }
}

TEST_F(ResolverTest, ASilentServerIsAFailure) {
  // c-ares looks at the real clock for its own timeouts.
  SystemClock clock;
  event::Loop loop(clock);
  ASSERT_TRUE(loop.Init().ok());
  DnsServer server(loop);
  server["orders.test"].is_silent = true;
  Resolver resolver(loop, {.resolv_conf = resolv_conf_,
                           .port = server.port(),
                           .timeout = absl::Milliseconds(50),
                           .tries = 2});
  ASSERT_TRUE(resolver.Init().ok());
  bool has_failed = false;
  const auto watch =
      resolver.Resolve("orders.test", [&](const auto& addresses) { has_failed = !addresses.ok(); });
  for (int i = 0; i < 200 && !has_failed; ++i) loop.RunOnce(absl::Milliseconds(50));
  EXPECT_TRUE(has_failed);
  EXPECT_EQ(server.questions(), 2);
}

TEST_F(ResolverTest, AnAnswerTooLongForUdpComesOverTcp) {
  DnsServer::Answer& answer = (*server_)["many.test"];
  answer.is_truncated_on_udp = true;
  for (int i = 1; i <= 150; ++i) answer.addresses.push_back(absl::StrCat("127.0.1.", i));
  Results results;
  const auto watch = Watch("many.test", results);
  RunUntil([&] { return !results.empty(); });
  EXPECT_THAT(results[0], SizeIs(150));
  EXPECT_GE(server_->tcp_questions(), 1);
}

TEST_F(ResolverTest, AnEndedWatchHearsNothing) {
  (*server_)["orders.test"].addresses = {"127.0.0.1"};
  Results results;
  auto watch = Watch("orders.test", results);
  watch.reset();
  Settle();
  EXPECT_THAT(results, IsEmpty());
}

TEST_F(ResolverTest, ACallbackMayEndItsOwnAndOtherWatches) {
  (*server_)["orders.test"].addresses = {"127.0.0.1"};
  Results results;
  std::unique_ptr<Resolver::Watch> own;
  std::unique_ptr<Resolver::Watch> other;
  own = resolver_->Resolve("orders.test", [&, kept = std::string("kept")](const auto& addresses) {
    own.reset();
    other.reset();
    results.push_back({kept});  // The callback outlives its watch.
  });
  other = Watch("orders.test", results);
  RunUntil([&] { return !results.empty(); });
  Settle();
  EXPECT_THAT(results, ElementsAre(ElementsAre("kept")));
}

TEST_F(ResolverTest, ANameThatIsWatchedAgainIsAskedAnew) {
  (*server_)["orders.test"].addresses = {"127.0.0.1"};
  Results results;
  Watch("orders.test", results).reset();
  const auto watch = Watch("orders.test", results);
  RunUntil([&] { return !results.empty(); });
  EXPECT_THAT(results, ElementsAre(ElementsAre("127.0.0.1")));
}

TEST_F(ResolverTest, AChangedResolvConfIsNoticed) {
  (*server_)["orders.test"].addresses = {"127.0.0.1"};
  Results results;
  const auto watch = Watch("orders.test", results);
  RunUntil([&] { return !results.empty(); });
  DnsServer other(loop_, *server_);
  other["orders.test"].addresses = {"127.0.0.2"};
  WriteResolvConf("127.0.0.2");
  clock_.Advance(absl::Seconds(61));
  RunUntil([&] { return results.size() == 2; });
  EXPECT_THAT(results[1], ElementsAre("127.0.0.2"));
}

TEST_F(ResolverTest, DestroyingItEndsQuestionsUnderWay) {
  (*server_)["orders.test"].is_silent = true;
  Results results;
  auto watch = Watch("orders.test", results);
  loop_.RunOnce(absl::ZeroDuration());
  watch.reset();
  resolver_.reset();
  Settle();
  EXPECT_THAT(results, IsEmpty());
}

}  // namespace
}  // namespace sluice::net::dns
