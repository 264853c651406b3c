#include "controlplane/store/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "controlplane/store/sqlite/sqlite_store.h"
#include "controlplane/store/testing/failing_store.h"
#include "controlplane/store/testing/temp_dir.h"

namespace sluice::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

resource::Key Route(const std::string& name) { return {resource::Kind::kRoute, "", name}; }

ResourceWrite Put(const std::string& name, const std::string& bytes) {
  return {Route(name), bytes};
}
ResourceWrite Delete(const std::string& name) { return {Route(name), std::nullopt}; }

Registration Register(const std::string& owner, const std::vector<std::string>& addresses) {
  Registration registration;
  registration.upstream = "orders";
  registration.owner = owner;
  registration.ttl = absl::Seconds(30);
  for (const std::string& address : addresses) registration.upsert.push_back({address, {}});
  return registration;
}

std::vector<std::string> Names(const ResourceSet& resources) {
  std::vector<std::string> names;
  for (const auto& r : resources) names.push_back(absl::StrCat(r->key.name, "=", r->bytes));
  return names;
}

std::vector<std::string> Names(const EndpointSet& endpoints) {
  std::vector<std::string> names;
  for (const auto& e : endpoints) names.push_back(absl::StrCat(e->owner, " ", e->address));
  return names;
}

class LedgerTest : public ::testing::Test {
 protected:
  LedgerTest() { Open(); }

  void Open() {
    ledger_ = nullptr;
    failing_ = nullptr;
    store_ = nullptr;
    store_ = *SqliteStore::Open(dir_.path(), {});
    failing_ = std::make_unique<FailingStore>(*store_);
    ledger_ = *Ledger::Open(*failing_, clock_);
  }

  absl::StatusOr<std::shared_ptr<const State>> Commit(std::vector<ResourceWrite> writes) {
    return ledger_->Commit(std::move(writes), {}, ledger_->state()->head.configuration);
  }
  uint64_t number() const { return ledger_->state()->head.generation.number; }

  TempDir dir_;
  ManualClock clock_;
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<FailingStore> failing_;
  std::unique_ptr<Ledger> ledger_;
};

TEST_F(LedgerTest, ACommitIsSeenAndIsThereAfterReopening) {
  ASSERT_TRUE(Commit({Put("a", "1"), Put("b", "1")}).ok());
  EXPECT_THAT(Names(ledger_->state()->resources), ElementsAre("a=1", "b=1"));
  Open();
  EXPECT_THAT(Names(ledger_->state()->resources), ElementsAre("a=1", "b=1"));
  EXPECT_EQ(number(), 1u);
}

TEST_F(LedgerTest, AStateThatWasTakenStaysAsItWas) {
  ASSERT_TRUE(Commit({Put("a", "1")}).ok());
  const auto before = ledger_->state();
  ASSERT_TRUE(Commit({Put("a", "2"), Put("b", "1")}).ok());
  EXPECT_THAT(Names(before->resources), ElementsAre("a=1"));
  EXPECT_EQ(ledger_->state()->resources.Find(Route("a"))->changed_in, 2u);
}

TEST_F(LedgerTest, WritingWhatIsThereMakesNoGeneration) {
  ASSERT_TRUE(Commit({Put("a", "1")}).ok());
  const auto again = Commit({Put("a", "1"), Delete("missing")});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)->head.generation.number, 1u);
  EXPECT_EQ(ledger_->History({})->size(), 1u);
}

TEST_F(LedgerTest, ACommitDecidedOnOlderResourcesIsAborted) {
  ASSERT_TRUE(Commit({Put("a", "1")}).ok());
  EXPECT_EQ(ledger_->Commit({Put("a", "2")}, {}, 0).status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(Names(ledger_->state()->resources), ElementsAre("a=1"));
}

TEST_F(LedgerTest, RegisteringEndpointsAbortsNoCommit) {
  const uint64_t configuration = ledger_->state()->head.configuration;
  ASSERT_TRUE(ledger_->Register({Register("nomad", {"x:1"})}, {}).ok());
  EXPECT_TRUE(ledger_->Commit({Put("a", "1")}, {}, configuration).ok());
}

TEST_F(LedgerTest, AKeyThatComesTwiceIsRefused) {
  EXPECT_EQ(Commit({Put("a", "1"), Delete("a")}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(LedgerTest, WhatTheStoreCannotWriteIsNotSeen) {
  failing_->SetFull(true);
  EXPECT_EQ(Commit({Put("a", "1")}).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(ledger_->state()->resources, IsEmpty());
  failing_->SetFull(false);
  EXPECT_TRUE(Commit({Put("a", "1")}).ok());
  EXPECT_EQ(number(), 1u);
}

TEST_F(LedgerTest, ResourcesOfAnEarlierGenerationCanBeReadBack) {
  ASSERT_TRUE(Commit({Put("a", "1"), Put("b", "1")}).ok());
  ASSERT_TRUE(Commit({Put("a", "2"), Delete("b")}).ok());
  ASSERT_TRUE(Commit({Put("b", "3"), Put("c", "3")}).ok());
  EXPECT_THAT(Names(*ledger_->ResourcesAt(1)), ElementsAre("a=1", "b=1"));
  EXPECT_THAT(Names(*ledger_->ResourcesAt(2)), ElementsAre("a=2"));
  EXPECT_THAT(Names(*ledger_->ResourcesAt(0)), IsEmpty());
  EXPECT_EQ(ledger_->ResourcesAt(2)->Find(Route("a"))->changed_in, 2u);
  EXPECT_EQ(ledger_->ResourcesAt(4).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(LedgerTest, WhatWasChangedBackIsNoChange) {
  ASSERT_TRUE(Commit({Put("a", "1")}).ok());
  ASSERT_TRUE(Commit({Put("a", "2")}).ok());
  ASSERT_TRUE(Commit({Put("a", "1")}).ok());
  EXPECT_THAT(ledger_->Changes(1, 3)->resources, IsEmpty());
}

TEST_F(LedgerTest, ARaisedEpochIsLaterThanAnyNumberOfTheOneBefore) {
  ASSERT_TRUE(Commit({Put("a", "1")}).ok());
  const GenerationId held{ledger_->state()->head.generation.store_id, 1, 50};
  EXPECT_TRUE(held.IsAfter(ledger_->state()->head.generation));
  ASSERT_TRUE(ledger_->RaiseEpoch(2).ok());
  EXPECT_TRUE(ledger_->state()->head.generation.IsAfter(held));
  Open();
  EXPECT_EQ(ledger_->state()->head.generation.epoch, 2u);
  ASSERT_TRUE(Commit({Put("a", "2")}).ok());
  EXPECT_EQ(number(), 2u);
}

// Leases ------------------------------------------------------------------------------------------

TEST_F(LedgerTest, RegisteredEndpointsMakeAGeneration) {
  const auto generation = ledger_->Register({Register("nomad", {"x:1", "y:1"})}, {});
  ASSERT_TRUE(generation.ok());
  EXPECT_EQ(generation->number, 1u);
  EXPECT_THAT(Names(ledger_->state()->endpoints), ElementsAre("nomad x:1", "nomad y:1"));
  EXPECT_EQ(ledger_->History({0, 0, true})->front().meta.origin, Origin::kEndpoints);
}

TEST_F(LedgerTest, SeveralRegistrationsAreOneGeneration) {
  ASSERT_TRUE(
      ledger_->Register({Register("nomad", {"x:1"}), Register("consul", {"x:1", "y:1"})}, {}).ok());
  EXPECT_EQ(number(), 1u);
  EXPECT_EQ(ledger_->state()->endpoints.size(), 3u);
}

TEST_F(LedgerTest, RegisteringWhatIsThereRenewsAndCommitsNothing) {
  ASSERT_TRUE(ledger_->Register({Register("nomad", {"x:1"})}, {}).ok());
  clock_.Advance(absl::Seconds(20));
  ASSERT_TRUE(ledger_->Register({Register("nomad", {"x:1"})}, {}).ok());
  EXPECT_EQ(number(), 1u);
  EXPECT_EQ(ledger_->LeaseEnd("orders", "nomad"), clock_.Now() + absl::Seconds(30));
}

TEST_F(LedgerTest, AnotherZoneOfTheSameEndpointIsCommitted) {
  Registration registration = Register("nomad", {"x:1"});
  ASSERT_TRUE(ledger_->Register({registration}, {}).ok());
  registration.upsert[0].traits.zone = "eu-1";
  ASSERT_TRUE(ledger_->Register({registration}, {}).ok());
  EXPECT_EQ(number(), 2u);
  EXPECT_EQ((*ledger_->state()->endpoints.begin())->traits.zone, "eu-1");
}

TEST_F(LedgerTest, WithdrawingTakesOnlyWhatIsNamed) {
  ASSERT_TRUE(ledger_->Register({Register("nomad", {"x:1", "y:1"})}, {}).ok());
  Registration withdrawal = Register("nomad", {});
  withdrawal.withdraw = {"x:1", "unknown:1"};
  ASSERT_TRUE(ledger_->Register({withdrawal}, {}).ok());
  EXPECT_THAT(Names(ledger_->state()->endpoints), ElementsAre("nomad y:1"));
}

TEST_F(LedgerTest, ReplacingAllTouchesOnlyThisOwner) {
  ASSERT_TRUE(
      ledger_->Register({Register("nomad", {"x:1", "y:1"}), Register("consul", {"z:1"})}, {}).ok());
  Registration replacement = Register("nomad", {"y:1", "w:1"});
  replacement.replace_all = true;
  ASSERT_TRUE(ledger_->Register({replacement}, {}).ok());
  EXPECT_THAT(Names(ledger_->state()->endpoints),
              ElementsAre("consul z:1", "nomad w:1", "nomad y:1"));
}

TEST_F(LedgerTest, AnEndedLeaseTakesItsEndpointsWithIt) {
  ASSERT_TRUE(
      ledger_->Register({Register("nomad", {"x:1"}), Register("consul", {"z:1"})}, {}).ok());
  clock_.Advance(absl::Seconds(29));
  EXPECT_TRUE(ledger_->Renew("orders", "consul", absl::Seconds(30)));
  ASSERT_TRUE(ledger_->ExpireLeases().ok());
  EXPECT_EQ(ledger_->state()->endpoints.size(), 2u);
  clock_.Advance(absl::Seconds(2));
  ASSERT_TRUE(ledger_->ExpireLeases().ok());
  EXPECT_THAT(Names(ledger_->state()->endpoints), ElementsAre("consul z:1"));
  EXPECT_FALSE(ledger_->Renew("orders", "nomad", absl::Seconds(30)));
}

TEST_F(LedgerTest, AWithdrawalThatCouldNotBeWrittenIsTriedAgain) {
  ASSERT_TRUE(ledger_->Register({Register("nomad", {"x:1"})}, {}).ok());
  clock_.Advance(absl::Seconds(31));
  failing_->SetFull(true);
  EXPECT_FALSE(ledger_->ExpireLeases().ok());
  failing_->SetFull(false);
  ASSERT_TRUE(ledger_->ExpireLeases().ok());
  EXPECT_THAT(ledger_->state()->endpoints, IsEmpty());
}

TEST_F(LedgerTest, AStartGrantsEveryLeaseOneFullTimeToLive) {
  ASSERT_TRUE(ledger_->Register({Register("nomad", {"x:1"})}, {}).ok());
  clock_.Advance(absl::Seconds(29));
  Open();
  EXPECT_EQ(ledger_->LeaseEnd("orders", "nomad"), clock_.Now() + absl::Seconds(30));
}

// Subscriptions -----------------------------------------------------------------------------------

// Collects events; waits for how many a test expects.
class Events {
 public:
  CommitFeed::OnCommit Callback() {
    return [this](const std::shared_ptr<const CommitEvent>& event) {
      std::lock_guard<std::mutex> lock(mu_);
      events_.push_back(event);
      changed_.notify_all();
    };
  }
  std::vector<std::shared_ptr<const CommitEvent>> Wait(size_t count) {
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait(lock, [&] { return events_.size() >= count; });
    return events_;
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<const CommitEvent>> events_;
};

TEST_F(LedgerTest, ASubscriberGetsThePresentStateThenEveryCommit) {
  ASSERT_TRUE(Commit({Put("a", "1")}).ok());
  Events events;
  const auto subscription = ledger_->Subscribe(events.Callback());
  ASSERT_TRUE(Commit({Put("a", "2")}).ok());
  ASSERT_TRUE(ledger_->Register({Register("nomad", {"x:1"})}, {}).ok());
  const auto seen = events.Wait(3);
  EXPECT_TRUE(seen[0]->is_start);
  EXPECT_THAT(Names(seen[0]->state->resources), ElementsAre("a=1"));
  EXPECT_EQ(seen[1]->resources.at(0).before->bytes, "1");
  EXPECT_EQ(seen[1]->resources.at(0).after->bytes, "2");
  EXPECT_EQ(seen[2]->endpoints.at(0).after->address, "x:1");
  EXPECT_EQ(seen[2]->generation().number, 3u);
}

TEST_F(LedgerTest, ARaisedEpochIsAnEventWithoutChanges) {
  Events events;
  const auto subscription = ledger_->Subscribe(events.Callback());
  ASSERT_TRUE(ledger_->RaiseEpoch(5).ok());
  const auto seen = events.Wait(2);
  EXPECT_EQ(seen[1]->generation().epoch, 5u);
  EXPECT_THAT(seen[1]->resources, IsEmpty());
}

TEST_F(LedgerTest, ACallbackMayUseTheLedgerAndEndItsOwnSubscription) {
  std::unique_ptr<Ledger::Subscription> subscription;
  std::mutex mu;
  std::condition_variable ended;
  int calls = 0;
  std::unique_lock<std::mutex> lock(mu);
  subscription = ledger_->Subscribe([&](const std::shared_ptr<const CommitEvent>&) {
    EXPECT_EQ(ledger_->state()->head.generation.number, 0u);
    std::lock_guard<std::mutex> inner(mu);
    ++calls;
    subscription = nullptr;
    ended.notify_all();
  });
  ended.wait(lock, [&] { return calls == 1; });
}

TEST_F(LedgerTest, NoCallbackRunsOnceItsSubscriptionIsGone) {
  Events sentinel;
  const auto last = ledger_->Subscribe(sentinel.Callback());
  std::atomic<bool> is_gone{false};
  auto subscription =
      ledger_->Subscribe([&](const std::shared_ptr<const CommitEvent>&) { EXPECT_FALSE(is_gone); });
  ASSERT_TRUE(Commit({Put("a", "1")}).ok());
  subscription = nullptr;
  is_gone = true;
  ASSERT_TRUE(Commit({Put("a", "2")}).ok());
  sentinel.Wait(3);
}

TEST_F(LedgerTest, EventsOfConcurrentWritersArriveInOrderWithoutGaps) {
  constexpr int kEach = 20;
  Events events;
  const auto subscription = ledger_->Subscribe(events.Callback());
  std::thread registrar([&] {
    for (int i = 0; i < kEach; ++i) {
      EXPECT_TRUE(ledger_->Register({Register("nomad", {absl::StrCat("x:", i + 1)})}, {}).ok());
    }
  });
  for (int i = 0; i < kEach; ++i) EXPECT_TRUE(Commit({Put("a", absl::StrCat(i))}).ok());
  registrar.join();
  const auto seen = events.Wait(1 + 2 * kEach);
  for (uint64_t i = 1; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i]->generation().number, seen[i - 1]->generation().number + 1);
  }
}

// PersistentSet -----------------------------------------------------------------------------------

struct Number {
  int value;
  int order() const { return value; }
};

TEST(PersistentSetTest, AgreesWithAModelAndKeepsOldCopies) {
  std::mt19937 random(3);
  PersistentSet<Number> set;
  std::set<int> model;
  std::vector<std::pair<PersistentSet<Number>, std::set<int>>> copies;
  for (int i = 0; i < 3000; ++i) {
    const int value = static_cast<int>(random() % 500);
    if (random() % 3 == 0) {
      set = set.Without(value);
      model.erase(value);
    } else {
      set = set.With(std::make_shared<const Number>(Number{value}));
      model.insert(value);
    }
    if (i % 300 == 0) copies.emplace_back(set, model);
  }
  for (const auto& [copy, expected] : copies) {
    std::vector<int> values;
    for (const auto& number : copy) values.push_back(number->value);
    EXPECT_EQ(values, std::vector<int>(expected.begin(), expected.end()));
    EXPECT_EQ(copy.size(), expected.size());
    const int probe = static_cast<int>(random() % 500);
    EXPECT_EQ(copy.Find(probe) != nullptr, expected.count(probe) == 1);
    const auto it = copy.LowerBound(probe);
    const auto model_it = expected.lower_bound(probe);
    ASSERT_EQ(it == copy.end(), model_it == expected.end());
    if (model_it != expected.end()) {
      EXPECT_EQ((*it)->value, *model_it);
    }
  }
}

}  // namespace
}  // namespace sluice::store
