#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/store/sqlite/sqlite_store.h"
#include "controlplane/store/testing/temp_dir.h"
#include "controlplane/tickets/keyring.h"
#include "controlplane/tickets/rotator.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::tickets {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);
const Schedule kSchedule;

std::string First(const std::string& keys) { return keys.substr(0, kKeyBytes); }

// The time until which `keys` seal, and one rotation more.
Keyring After(const Keyring& keyring, int rotations) {
  Keyring after = keyring;
  for (int i = 0; i < rotations; ++i) {
    after = after.Rotated(after.secrets().front().since, kSchedule);
  }
  return after;
}

TEST(KeyringTest, WhoIsOneRotationLateOpensWhatTheOthersSeal) {
  const Keyring late = Keyring().Rotated(kStart, kSchedule);
  const Keyring quick = After(late, 1);
  EXPECT_NE(First(quick.KeysOf("web")), First(late.KeysOf("web")));
  EXPECT_THAT(late.KeysOf("web"), HasSubstr(First(quick.KeysOf("web"))));
  EXPECT_THAT(quick.KeysOf("web"), HasSubstr(First(late.KeysOf("web"))));
}

TEST(KeyringTest, AKeyOpensForADayAfterItHasSealed) {
  const Keyring first = Keyring().Rotated(kStart, kSchedule);
  const std::string key = First(first.KeysOf("web"));
  EXPECT_THAT(After(first, 2).KeysOf("web"), HasSubstr(key));
  EXPECT_THAT(After(first, 3).KeysOf("web"), Not(HasSubstr(key)));
}

TEST(KeyringTest, AKeyThatSealedTooLongIsKeptFromWhenItEnded) {
  const Keyring first = Keyring().Rotated(kStart, kSchedule);
  const Keyring late = first.Rotated(kStart + absl::Hours(1000), kSchedule);
  EXPECT_THAT(late.KeysOf("web"), HasSubstr(First(first.KeysOf("web"))));
}

// A year later nothing would have been rotated, and nothing forgotten.
TEST(KeyringTest, AClockThatWasAheadDoesNotStopTheRotation) {
  const Keyring ahead = After(Keyring().Rotated(kStart + absl::Hours(24 * 365), kSchedule), 3);
  EXPECT_TRUE(ahead.IsDue(kStart, kSchedule));
  const Keyring next = ahead.Rotated(kStart, kSchedule);
  EXPECT_FALSE(next.IsDue(kStart, kSchedule));
  EXPECT_THAT(next.KeysOf("web"), HasSubstr(First(ahead.KeysOf("web"))));
  EXPECT_THAT(After(next, 3).KeysOf("web"), Not(HasSubstr(First(ahead.KeysOf("web")))));
}

TEST(KeyringTest, AShorterScheduleHoldsAtOnce) {
  const Keyring keyring = Keyring().Rotated(kStart, {absl::Hours(168), absl::Hours(24)});
  EXPECT_TRUE(keyring.IsDue(kStart, kSchedule));
  EXPECT_FALSE(keyring.IsDue(kStart, {absl::Hours(168), absl::Hours(24)}));
}

TEST(KeyringTest, ListenersHaveKeysOfTheirOwn) {
  const Keyring keyring = Keyring().Rotated(kStart, kSchedule);
  EXPECT_NE(keyring.KeysOf("web"), keyring.KeysOf("admin"));
  EXPECT_EQ(keyring.KeysOf("web").size(), 2 * kKeyBytes);
  EXPECT_EQ(Keyring().KeysOf("web"), "");
}

TEST(KeyringTest, ThereAreNeverTooMany) {
  Keyring keyring;
  for (int i = 0; i < 100; ++i) {
    keyring = keyring.Rotated(kStart + absl::Minutes(i), {absl::Minutes(1), absl::Hours(24)});
  }
  EXPECT_EQ(keyring.secrets().size(), kMaxSecrets);
}

TEST(KeyringTest, ComesBackAsItWasStored) {
  const Keyring keyring = After(Keyring().Rotated(kStart, kSchedule), 1);
  const auto decoded = Keyring::Decode(keyring.Encode());
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->KeysOf("web"), keyring.KeysOf("web"));
  EXPECT_EQ(decoded->secrets().front().since, keyring.secrets().front().since);
  EXPECT_EQ(Keyring::Decode("").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(Keyring::Decode(keyring.Encode().substr(1)).ok());
}

class RotatorTest : public ::testing::Test {
 protected:
  RotatorTest() { Open(); }

  void Open() {
    rotator_ = nullptr;
    ledger_ = nullptr;
    store_ = nullptr;
    store_ = *store::SqliteStore::Open(dir_.path(), {});
    ledger_ = *store::Ledger::Open(*store_, clock_);
    rotator_ = std::make_unique<Rotator>(*ledger_, clock_, kSchedule);
    Settle();
  }

  // What has been committed is seen, and what that makes due is done.
  void Settle() {
    const auto done = std::make_shared<bool>(false);
    Mutex mu;
    CondVar told;
    bool is_told = false;
    const auto handle = ledger_->Subscribe([&](const auto&) {
      MutexLock lock(mu);
      is_told = true;
      told.Signal();
    });
    {
      MutexLock lock(mu);
      while (!is_told) told.Wait(mu);
    }
    rotator_->loop().PostAndWait([this] { rotator_->Tick(); });
  }

  void PutListener(bool has_tls) {
    v1::Resource resource;
    resource.set_name("web");
    resource.mutable_listener()->set_address("0.0.0.0:443");
    if (has_tls) resource.mutable_listener()->mutable_tls()->add_certificates("c");
    ASSERT_TRUE(
        ledger_
            ->Commit({{{resource::Kind::kListener, "", "web"}, resource.SerializeAsString()}}, {},
                     ledger_->state()->head.configuration)
            .ok());
    Settle();
  }

  std::string Keys() const {
    const auto tickets = ledger_->state()->tickets;
    return tickets == nullptr ? "" : Keyring::Decode(tickets->bytes)->KeysOf("web");
  }
  uint64_t number() const { return ledger_->state()->head.generation.number; }

  store::TempDir dir_;
  ManualClock clock_;
  std::unique_ptr<store::SqliteStore> store_;
  std::unique_ptr<store::Ledger> ledger_;
  std::unique_ptr<Rotator> rotator_;
};

TEST_F(RotatorTest, WithoutTlsThereAreNoKeysAndNoGenerations) {
  PutListener(false);
  EXPECT_EQ(Keys(), "");
  EXPECT_EQ(number(), 1u);
}

TEST_F(RotatorTest, TheFirstListenerWithTlsBringsKeysInAGenerationOfTheirOwn) {
  PutListener(true);
  EXPECT_NE(Keys(), "");
  EXPECT_EQ(number(), 2u);
  EXPECT_EQ(ledger_->state()->head.configuration, 1u);
}

TEST_F(RotatorTest, KeysRotateWhenTheyAreDueAndNotBefore) {
  PutListener(true);
  const std::string keys = Keys();
  clock_.Advance(absl::Hours(11));
  Settle();
  EXPECT_EQ(Keys(), keys);
  clock_.Advance(absl::Hours(1));
  Settle();
  EXPECT_NE(Keys(), keys);
  EXPECT_THAT(Keys(), HasSubstr(First(keys)));
  EXPECT_EQ(number(), 3u);
}

TEST_F(RotatorTest, ARestartKeepsThem) {
  PutListener(true);
  const std::string keys = Keys();
  Open();
  EXPECT_EQ(Keys(), keys);
  EXPECT_EQ(number(), 2u);
}

TEST_F(RotatorTest, TheHistoryShowsThemOnlyWhenAskedAndADiffNever) {
  PutListener(true);
  EXPECT_EQ(ledger_->History({})->size(), 1u);
  const auto all = *ledger_->History({0, 0, true});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].meta.origin, store::Origin::kTicketKeys);
  EXPECT_TRUE(ledger_->Changes(1, 2)->resources.empty());
}

}  // namespace
}  // namespace sluice::tickets
