#include "proxy/sync/sync_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http/h2/testing/server.h"
#include "proxy/sync/testing/update.h"
#include "proxy/sync/testing/views.h"
#include "sluice/v1/config_stream.pb.h"

namespace sluice::sync {
namespace {

using http::h2::TestServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

std::string Framed(const std::string& message) {
  const auto size = static_cast<uint32_t>(message.size());
  std::string framed(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) framed.push_back(static_cast<char>(size >> shift));
  return framed + message;
}

// A control plane in the test's hand: a listening socket, and the connections that came to it.
class ControlPlane {
 public:
  ControlPlane() : listener_(*net::Listen(*net::Address::Parse("127.0.0.1:0"), 16)) {}

  std::string address() const { return net::LocalAddress(listener_.get()).ToString(); }
  uint16_t port() const { return net::LocalAddress(listener_.get()).port(); }
  void StopListening() { listener_.Close(); }

  void Poll() {
    if (listener_.is_open()) {
      const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        connections.push_back(std::make_unique<TestServer>(net::Fd(fd), TestServer::Options()));
        taken_ = 0;
      }
    }
    if (!connections.empty()) connections.back()->Poll();
  }

  // Of the newest connection.
  TestServer& server() { return *connections.back(); }
  void Send(const std::string& message) {
    if (!std::exchange(has_head_[connections.size()], true)) {
      server().SendHead(1, {{":status", "200"}, {"content-type", "application/grpc"}});
    }
    server().SendBody(1, Framed(message), /*end=*/false);
  }
  void Send(const std::vector<UpdatePart>& update) {
    for (const std::string& message : EncodeUpdate(update)) Send(message);
  }

  // The next message that the proxy sent on it, if it is there.
  std::optional<v1::ProxyMessage> Take() {
    if (connections.empty() || server().requests.empty()) return std::nullopt;
    const std::string& body = server().requests.at(1).body;
    if (body.size() < taken_ + 5) return std::nullopt;
    size_t size = 0;
    for (size_t i = 1; i < 5; ++i) size = size << 8 | static_cast<uint8_t>(body[taken_ + i]);
    if (body.size() < taken_ + 5 + size) return std::nullopt;
    v1::ProxyMessage message;
    EXPECT_TRUE(message.ParseFromString(body.substr(taken_ + 5, size)));
    taken_ += 5 + size;
    return message;
  }

  std::vector<std::unique_ptr<TestServer>> connections;

 private:
  net::Fd listener_;
  std::map<size_t, bool> has_head_;
  size_t taken_ = 0;
};

// A client and its keeper on one loop, whose clock the test moves.
class SyncClientTest : public ::testing::Test, public Applier, public ProxyHooks {
 protected:
  SyncClientTest() {
    EXPECT_TRUE(loop_.Init().ok());
    state_ = *StateDirectory::Open(directory_.path());
  }

  void Start(std::vector<std::string> addresses) {
    auto marker = ActivationMarker::Open(*state_, MachineState());
    ASSERT_TRUE(marker.ok());
    keeper_ = std::make_unique<Keeper>(loop_, clock_, *state_, *std::move(marker), *this);
    SyncClient::Options options;
    options.control_planes = std::move(addresses);
    options.identity.node = "edge-1";
    options.identity.groups = {"edge"};
    options.identity.instance = 4;
    client_ = std::make_unique<SyncClient>(io_, loop_, *keeper_, *this, options);
    client_->Start();
  }

  // Connected and welcome; the messages of the beginning are taken.
  void StartWelcome() {
    Start({plane_.address()});
    Take(&v1::ProxyMessage::has_hello);
    Welcome();
  }
  void Welcome() {
    plane_.Send(EncodeWelcome(view_.generation.store_id.empty()
                                  ? Generation{TestStoreId(), 1, 0, std::string(32, 'h')}
                                  : view_.generation));
    Take(&v1::ProxyMessage::has_report);
  }

  // Applier
  void Apply(const ViewChange& change, absl::AnyInvocable<void(Result)> done) override {
    for (const auto& upsert : change.upserts) served_[upsert.key.name] = upsert.bytes;
    for (const auto& key : change.removals) served_.erase(key.name);
    done(answer_);
  }

  // ProxyHooks
  void Resolve(const std::string& host, OnResolved on_resolved) override {
    resolved_.push_back(host);
    loop_.PostFromAnyThread(
        [this, on_resolved = std::move(on_resolved)]() mutable { on_resolved(resolution_); });
  }
  Figures CollectFigures() override {
    Figures figures;
    figures.requests = ++reports_;
    return figures;
  }
  void GetPage(const std::string& path, absl::AnyInvocable<void(Page)> done) override {
    done({.status = 200, .content_type = "text/html", .body = path + page_});
  }

  void Turn(absl::Duration wait = absl::Milliseconds(1)) {
    loop_.RunOnce(wait);
    plane_.Poll();
    second_plane_.Poll();
  }
  void Until(const std::function<bool()>& condition) {
    for (int i = 0; i < 20'000; ++i) {
      if (condition()) return;
      Turn();
    }
    FAIL() << "it did not come about";
  }
  // What is under way arrives.
  void Settle() {
    for (int i = 0; i < 30; ++i) Turn();
  }
  // The clock moves on in small steps, and the loop with it.
  void Pass(absl::Duration time) {
    for (absl::Duration step = absl::Milliseconds(50); time > absl::ZeroDuration(); time -= step) {
      clock_.Advance(std::min(time, step));
      Turn(absl::ZeroDuration());
    }
  }

  // Drops messages until the one that is looked for.
  v1::ProxyMessage Take(bool (v1::ProxyMessage::*is_wanted)() const) {
    v1::ProxyMessage found;
    Until([&] {
      for (auto message = plane_.Take(); message.has_value(); message = plane_.Take()) {
        if (!((*message).*is_wanted)()) continue;
        found = *message;
        return true;
      }
      return false;
    });
    return found;
  }
  v1::Status TakeStatus() { return Take(&v1::ProxyMessage::has_status).status(); }
  // An update and all that is said of it.
  void Update(const std::vector<UpdatePart>& update) {
    plane_.Send(update);
    while (TakeStatus().phase() == v1::Status::RECEIVED) {
    }
  }

  TestDirectory directory_;
  ManualClock clock_;
  event::Loop loop_{clock_};
  net::BlockPool pool_{1 << 26};
  net::IoContext io_{loop_, pool_};
  ControlPlane plane_;
  ControlPlane second_plane_;
  TestView view_;
  std::unique_ptr<StateDirectory> state_;
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<SyncClient> client_;

  Result answer_;
  std::map<std::string, std::string> served_;
  std::vector<std::string> resolved_;
  absl::StatusOr<std::vector<net::IpAddress>> resolution_ = absl::UnavailableError("no such name");
  uint64_t reports_ = 0;
  std::string page_;
};

// --- The course of a stream.

TEST_F(SyncClientTest, HelloComesFirstAndSaysWhoThisIs) {
  Start({plane_.address()});
  const v1::Hello hello = Take(&v1::ProxyMessage::has_hello).hello();
  EXPECT_EQ(hello.node(), "edge-1");
  EXPECT_EQ(hello.groups(0), "edge");
  EXPECT_FALSE(hello.has_active());
  EXPECT_FALSE(hello.has_persisted());
  EXPECT_EQ(plane_.server().requests.at(1).Get(":path"), "/sluice.v1.ConfigStream/Sync");
  EXPECT_EQ(plane_.server().requests.at(1).Get(":authority"), plane_.address());
}

TEST_F(SyncClientTest, AnUpdateIsAnsweredByItsPhasesAndShowsInReports) {
  StartWelcome();
  plane_.Send(MakeUpdate(std::nullopt, view_.Apply({TestRoute("a", "1")}), 10));
  EXPECT_EQ(TakeStatus().phase(), v1::Status::RECEIVED);
  const v1::Status status = TakeStatus();
  EXPECT_EQ(status.phase(), v1::Status::ACTIVE);
  EXPECT_EQ(status.generation().number(), 1);
  EXPECT_THAT(served_, ElementsAre(Pair("a", "1")));
  Settle();
  clock_.Advance(absl::Seconds(1.1));
  const v1::Report report = Take(&v1::ProxyMessage::has_report).report();
  EXPECT_EQ(report.active().number(), 1);
  EXPECT_EQ(report.persisted().view_hash(), view_.generation.view_hash);
  EXPECT_EQ(report.requests(), 2);
  EXPECT_TRUE(client_->state().is_connected);
  EXPECT_EQ(client_->state().active, view_.generation);
}

TEST_F(SyncClientTest, AStreamThatReturnsSaysWhatIsHeldAndNeedsNoUpdate) {
  StartWelcome();
  Update(MakeUpdate(std::nullopt, view_.Apply({TestRoute("a", "1")})));
  plane_.server().Close();
  Until([this] { return !client_->state().is_connected; });
  Pass(absl::Seconds(1));
  Until([this] { return plane_.connections.size() == 2; });
  const v1::Hello hello = Take(&v1::ProxyMessage::has_hello).hello();
  EXPECT_EQ(hello.active().number(), 1);
  EXPECT_EQ(hello.persisted().number(), 1);
  Welcome();
  Update(MakeUpdate(view_.generation, TestView(view_).Apply({TestRoute("b", "2")})));
  EXPECT_EQ(served_.size(), 2);
}

TEST_F(SyncClientTest, AnUpdateCutByAResetIsTakenFromItsBeginningOnTheNextStream) {
  StartWelcome();
  Update(MakeUpdate(std::nullopt, view_.Apply({TestRoute("a", "1")})));
  const std::optional<Generation> held = view_.generation;
  const auto update = MakeUpdate(held, view_.Apply({TestRoute("b", "2"), TestRoute("c", "3")}), 10);
  plane_.Send(std::vector<UpdatePart>(update.begin(), update.begin() + 2));
  Settle();
  plane_.server().SendReset(1, NGHTTP2_INTERNAL_ERROR);
  Until([this] { return !client_->state().is_connected; });
  Pass(absl::Seconds(1));
  EXPECT_EQ(Take(&v1::ProxyMessage::has_hello).hello().active().number(), 1);
  Welcome();
  Update(update);
  EXPECT_EQ(served_.size(), 3);
}

TEST_F(SyncClientTest, AnUpdateThatComesSlowlyIsTakenWhenItIsWhole) {
  StartWelcome();
  const auto update = MakeUpdate(std::nullopt, view_.Apply({TestRoute("a", "1")}), 10);
  for (const UpdatePart& part : update) {
    EXPECT_THAT(served_, IsEmpty());
    plane_.Send(std::vector<UpdatePart>{part});
    Pass(absl::Seconds(3));
  }
  EXPECT_EQ(served_.size(), 1);
  EXPECT_EQ(plane_.connections.size(), 1);
}

TEST_F(SyncClientTest, ARejectionIsToldAndToldAgainToTheNextStream) {
  StartWelcome();
  answer_.outcome = Outcome::kRejected;
  answer_.problems.resize(1);
  answer_.problems[0].problem = "no such plugin";
  plane_.Send(MakeUpdate(std::nullopt, view_.Apply({TestRoute("a", "1")})));
  EXPECT_EQ(TakeStatus().phase(), v1::Status::RECEIVED);
  EXPECT_EQ(TakeStatus().problems(0).problem(), "no such plugin");
  plane_.server().Close();
  Pass(absl::Seconds(1));
  EXPECT_FALSE(Take(&v1::ProxyMessage::has_hello).hello().has_active());
  plane_.Send(EncodeWelcome(view_.generation));
  EXPECT_EQ(TakeStatus().phase(), v1::Status::REJECTED);
}

TEST_F(SyncClientTest, ADeltaThatDoesNotFitAsksForAFullUpdate) {
  StartWelcome();
  const Generation missed = [this] {
    view_.Apply({TestRoute("a", "1")});
    return view_.generation;
  }();
  plane_.Send(MakeUpdate(missed, view_.Apply({TestRoute("b", "2")})));
  EXPECT_THAT(Take(&v1::ProxyMessage::has_resync).resync().reason(), HasSubstr("nothing is held"));
}

TEST_F(SyncClientTest, AServerThatIsBehindIsLeft) {
  StartWelcome();
  Update(MakeUpdate(std::nullopt, view_.Apply({TestRoute("a", "1")})));
  Update(MakeUpdate(view_.generation, TestView(view_).Apply({TestRoute("a", "2")})));
  TestView behind;
  plane_.Send(MakeUpdate(std::nullopt, behind.Apply({TestRoute("a", "0")})));
  Until([this] {
    clock_.Advance(absl::Milliseconds(10));
    return !client_->state().is_connected;
  });
  EXPECT_THAT(client_->state().last_error, HasSubstr("generation 2 is held"));
  EXPECT_THAT(served_, ElementsAre(Pair("a", "2")));
}

TEST_F(SyncClientTest, GarbageEndsTheStreamAndNothingElse) {
  StartWelcome();
  Update(MakeUpdate(std::nullopt, view_.Apply({TestRoute("a", "1")})));
  plane_.Send("\xff\xff\xff");
  Until([this] { return !client_->state().is_connected; });
  EXPECT_THAT(served_, ElementsAre(Pair("a", "1")));
  Pass(absl::Seconds(1));
  EXPECT_EQ(Take(&v1::ProxyMessage::has_hello).hello().active().number(), 1);
}

TEST_F(SyncClientTest, AnUpdateBeforeWelcomeBreaksTheContract) {
  Start({plane_.address()});
  Take(&v1::ProxyMessage::has_hello);
  plane_.Send(MakeUpdate(std::nullopt, view_.Apply({TestRoute("a", "1")})));
  Until([this] { return !client_->state().last_error.empty(); });
  EXPECT_THAT(client_->state().last_error, HasSubstr("Welcome"));
  EXPECT_THAT(served_, IsEmpty());
}

TEST_F(SyncClientTest, ALargePageIsAnsweredInParts) {
  StartWelcome();
  page_ = std::string(200'000, 'x');
  plane_.Send(EncodeQuery(7, "/clusters?"));
  std::string body;
  int parts = 0;
  for (v1::Answer answer; !answer.last(); ++parts) {
    answer = Take(&v1::ProxyMessage::has_answer).answer();
    EXPECT_EQ(answer.id(), 7);
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.content_type(), "text/html");
    body += answer.body();
  }
  EXPECT_EQ(body, "/clusters?" + page_);
  EXPECT_EQ(parts, 4);
}

TEST_F(SyncClientTest, AnEmptyPageIsAnAnswerToo) {
  StartWelcome();
  plane_.Send(EncodeQuery(7, ""));
  EXPECT_TRUE(Take(&v1::ProxyMessage::has_answer).answer().last());
}

TEST_F(SyncClientTest, WhatTheDiskHoldsIsServedAndSaidBeforeAnyServerIsThere) {
  StartWelcome();
  Update(MakeUpdate(std::nullopt, view_.Apply({TestRoute("a", "1")})));
  client_.reset();
  keeper_.reset();
  served_.clear();
  plane_.server().Close();
  Start({plane_.address()});
  Until([this] { return plane_.connections.size() == 2; });
  EXPECT_THAT(served_, ElementsAre(Pair("a", "1")));
  EXPECT_EQ(Take(&v1::ProxyMessage::has_hello).hello().active().number(), 1);
}

// --- Finding a server.

TEST_F(SyncClientTest, AnotherAddressIsTriedAtOnceWhenOneIsDown) {
  const std::string down = second_plane_.address();
  second_plane_.StopListening();
  Start({down, plane_.address()});
  Take(&v1::ProxyMessage::has_hello);
}

TEST_F(SyncClientTest, AttemptsThatFailComeFartherAndFartherApart) {
  Start({plane_.address()});
  for (absl::Duration passed; passed < absl::Minutes(5); passed += absl::Milliseconds(100)) {
    Pass(absl::Milliseconds(100));
    if (!plane_.connections.empty()) plane_.server().Close();
  }
  // Six windows double up to 30 s, then one attempt in 15 s in the mean. With half a second always,
  // it would be more than a thousand.
  EXPECT_GT(plane_.connections.size(), 12);
  EXPECT_LT(plane_.connections.size(), 60);
}

TEST_F(SyncClientTest, NamesAreResolvedAndAllTheirAddressesTried) {
  resolution_ = std::vector<net::IpAddress>{*net::IpAddress::Parse("127.0.0.9"),
                                            *net::IpAddress::Parse("127.0.0.1")};
  Start({"cp.example:" + std::to_string(plane_.port())});
  Take(&v1::ProxyMessage::has_hello);
  EXPECT_THAT(resolved_, ElementsAre("cp.example"));
  EXPECT_EQ(plane_.server().requests.at(1).Get(":authority"),
            "cp.example:" + std::to_string(plane_.port()));
}

TEST_F(SyncClientTest, ANameThatDoesNotResolveIsTriedAgain) {
  Start({"cp.example:" + std::to_string(plane_.port())});
  Until([this] { return !client_->state().last_error.empty(); });
  EXPECT_EQ(client_->state().last_error, "no such name");
  resolution_ = std::vector<net::IpAddress>{*net::IpAddress::Parse("127.0.0.1")};
  Pass(absl::Seconds(1));
  Take(&v1::ProxyMessage::has_hello);
}

TEST_F(SyncClientTest, BackoffIsHonouredGiveOrTakeAHalf) {
  StartWelcome();
  plane_.Send(EncodeBackoff(absl::Seconds(20)));
  Until([this] { return !client_->state().is_connected; });
  Pass(absl::Seconds(9));
  EXPECT_EQ(plane_.connections.size(), 1);
  Pass(absl::Seconds(22));
  EXPECT_EQ(plane_.connections.size(), 2);
}

TEST_F(SyncClientTest, AServerThatDoesNotWelcomeIsGivenUp) {
  Start({plane_.address()});
  Take(&v1::ProxyMessage::has_hello);
  Pass(absl::Seconds(14));
  EXPECT_EQ(client_->state().last_error, "");
  Pass(absl::Seconds(2));
  EXPECT_THAT(client_->state().last_error, HasSubstr("no welcome"));
}

TEST_F(SyncClientTest, ASilentServerIsDeadAfterAPingAndFiveSeconds) {
  StartWelcome();
  // Nobody polls the server's end any more: its machine is gone.
  for (absl::Duration passed; passed < absl::Seconds(14); passed += absl::Milliseconds(100)) {
    clock_.Advance(absl::Milliseconds(100));
    loop_.RunOnce(absl::ZeroDuration());
  }
  EXPECT_TRUE(client_->state().is_connected);
  for (absl::Duration passed; passed < absl::Seconds(2); passed += absl::Milliseconds(100)) {
    clock_.Advance(absl::Milliseconds(100));
    loop_.RunOnce(absl::ZeroDuration());
  }
  EXPECT_FALSE(client_->state().is_connected);
}

TEST_F(SyncClientTest, AStoppedClientStaysAway) {
  StartWelcome();
  client_->Stop();
  Settle();
  Pass(absl::Minutes(1));
  EXPECT_EQ(plane_.connections.size(), 1);
  EXPECT_TRUE(plane_.server().has_peer_closed);
}

TEST(CheckAddressTest, HostAndPortAreTakenAndTheRestIsNamed) {
  for (const char* good : {"127.0.0.1:9400", "[::1]:9400", "cp.example:1", "localhost:65535"}) {
    EXPECT_TRUE(SyncClient::CheckAddress(good).ok()) << good;
  }
  for (const char* bad : {"", "cp.example", ":9400", "cp:0", "cp:65536", "cp:x", "::1:9400",
                          "[::1]", "127.0.0.1:0"}) {
    EXPECT_FALSE(SyncClient::CheckAddress(bad).ok()) << bad;
  }
  EXPECT_THAT(std::string(SyncClient::CheckAddress("cp").message()), HasSubstr("\"cp\""));
}

}  // namespace
}  // namespace sluice::sync
