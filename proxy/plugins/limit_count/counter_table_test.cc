#include "proxy/plugins/limit_count/counter_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace sluice::plugins {
namespace {

using ::testing::Each;

constexpr HashKey kSeed = {1, 2};

// Keys of the one bucket of a small table: all are of the same upper bits.
uint64_t SmallKey(uint64_t i) { return i + 1; }

class CounterTableTest : public ::testing::Test {
 protected:
  CounterTable::Verdict Take(uint64_t key, const CounterTable::Limit& limit) {
    return table_.Take(key, limit, clock_.MonotonicNanos());
  }
  int Admitted(uint64_t key, const CounterTable::Limit& limit, int tries) {
    int admitted = 0;
    for (int i = 0; i < tries; ++i) admitted += Take(key, limit).is_admitted;
    return admitted;
  }

  // A multiple of a minute and of an hour.
  ManualClock clock_{absl::FromUnixSeconds(1'700'006'400)};
  CounterTable table_{clock_, kSeed, 8};
};

TEST_F(CounterTableTest, AdmitsTheCountAndNoMore) {
  const CounterTable::Limit limit = {3, 60};
  EXPECT_EQ(Take(1, limit).remaining, 2u);
  EXPECT_EQ(Take(1, limit).remaining, 1u);
  EXPECT_EQ(Take(1, limit).remaining, 0u);
  EXPECT_FALSE(Take(1, limit).is_admitted);
  EXPECT_EQ(Admitted(2, limit, 10), 3);
}

TEST_F(CounterTableTest, AWindowEndsAtAMultipleOfItsLength) {
  const CounterTable::Limit limit = {1, 60};
  clock_.Advance(absl::Seconds(50));
  EXPECT_EQ(Take(1, limit).reset_seconds, 10u);
  clock_.Advance(absl::Milliseconds(9'999));
  EXPECT_EQ(Take(1, limit).reset_seconds, 1u);
  EXPECT_FALSE(Take(1, limit).is_admitted);
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_TRUE(Take(1, limit).is_admitted);
}

TEST_F(CounterTableTest, AnIdleKeyBeginsAnewAfterAnyTime) {
  const CounterTable::Limit limit = {1, 60};
  for (int minutes : {1, 2, 3, 1000}) {
    EXPECT_EQ(Admitted(1, limit, 3), 1);
    clock_.Advance(absl::Minutes(minutes));
  }
}

TEST_F(CounterTableTest, TheLargestCountAndTheLongestWindowWork) {
  const CounterTable::Limit limit = {4294967295, 86400};
  EXPECT_EQ(Take(1, limit).remaining, 4294967294u);
  const CounterTable::Limit sliding = {4294967295, 86400, true};
  EXPECT_EQ(Take(2, sliding).remaining, 4294967294u);
}

TEST_F(CounterTableTest, ALoweredCountRefusesUntilTheWindowEnds) {
  EXPECT_EQ(Admitted(1, {10, 60}, 10), 10);
  EXPECT_FALSE(Take(1, {5, 60}).is_admitted);
  EXPECT_EQ(Admitted(1, {12, 60}, 10), 2);
}

TEST_F(CounterTableTest, ASlidingWindowWeighsTheOneBefore) {
  const CounterTable::Limit limit = {10, 60, true};
  EXPECT_EQ(Admitted(1, limit, 20), 10);
  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(Admitted(1, limit, 20), 0);  // All of it still counts.
  clock_.Advance(absl::Seconds(30));
  EXPECT_EQ(Admitted(1, limit, 20), 5);  // Half of it.
  clock_.Advance(absl::Seconds(30));
  EXPECT_EQ(Admitted(1, limit, 20), 5);  // The five of the window before.
  clock_.Advance(absl::Seconds(120));
  EXPECT_EQ(Admitted(1, limit, 20), 10);
}

TEST_F(CounterTableTest, ASlidingWindowWorksBelowASecond) {
  const CounterTable::Limit limit = {10, 1, true};
  EXPECT_EQ(Admitted(1, limit, 20), 10);
  clock_.Advance(absl::Milliseconds(1500));
  EXPECT_EQ(Admitted(1, limit, 20), 5);
}

TEST_F(CounterTableTest, WhoWaitsAsToldIsAdmitted) {
  std::mt19937 random(7);
  for (uint64_t round = 0; round < 2000; ++round) {
    const CounterTable::Limit limit = {1 + static_cast<uint32_t>(random() % 50),
                                       1 + static_cast<uint32_t>(random() % 100),
                                       random() % 2 == 0};
    const uint64_t key = SmallKey(1000 + round);
    // Some use of two windows, up to a refusal.
    for (int i = 0; i < 30; ++i) {
      Take(key, limit);
      if (i % 10 == 0) clock_.Advance(absl::Milliseconds(random() % (limit.window_seconds * 500)));
    }
    CounterTable::Verdict verdict = Take(key, limit);
    while (verdict.is_admitted) verdict = Take(key, limit);
    clock_.Advance(absl::Seconds(verdict.reset_seconds));
    ASSERT_TRUE(Take(key, limit).is_admitted)
        << limit.count << " in " << limit.window_seconds << "s, sliding " << limit.is_sliding;
  }
}

TEST_F(CounterTableTest, AWorkerWhoseClockLagsCountsInItsOwnWindow) {
  const CounterTable::Limit limit = {5, 1};
  const int64_t then = clock_.MonotonicNanos();
  EXPECT_EQ(Admitted(1, limit, 3), 3);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Admitted(1, limit, 5), 5);
  EXPECT_TRUE(table_.Take(1, limit, then).is_admitted);
  EXPECT_TRUE(table_.Take(1, limit, then).is_admitted);
  EXPECT_FALSE(table_.Take(1, limit, then).is_admitted);
  EXPECT_FALSE(Take(1, limit).is_admitted);
}

TEST_F(CounterTableTest, AWorkerThatLagsFarBehindDoesNotUndoWhatOthersCounted) {
  const CounterTable::Limit limit = {5, 1};
  const int64_t then = clock_.MonotonicNanos();
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(Admitted(1, limit, 5), 5);
  EXPECT_FALSE(table_.Take(1, limit, then).is_admitted);
  EXPECT_FALSE(Take(1, limit).is_admitted);
}

TEST_F(CounterTableTest, AFullBucketGivesUpTheWindowThatEndedFirst) {
  EXPECT_EQ(Admitted(SmallKey(0), {1, 3600}, 2), 1);
  for (uint64_t i = 1; i < 8; ++i) EXPECT_EQ(Admitted(SmallKey(i), {1, 1}, 2), 1);
  EXPECT_EQ(table_.evictions(), 0u);
  clock_.Advance(absl::Seconds(1));
  for (uint64_t i = 8; i < 15; ++i) EXPECT_EQ(Admitted(SmallKey(i), {1, 1}, 2), 1);
  EXPECT_EQ(table_.evictions(), 0u);
  EXPECT_FALSE(Take(SmallKey(0), {1, 3600}).is_admitted);
}

TEST_F(CounterTableTest, EvictingAWindowUnderWayIsCounted) {
  for (uint64_t i = 0; i < 8; ++i) Take(SmallKey(i), {1, 60});
  Take(SmallKey(8), {1, 60});
  EXPECT_EQ(table_.evictions(), 1u);
}

TEST_F(CounterTableTest, KeysOfOneIdentityAreTheSameAndOfAnotherNot) {
  EXPECT_EQ(KeyedHash(table_.KeyFor("Route/a"), "k"), KeyedHash(table_.KeyFor("Route/a"), "k"));
  EXPECT_NE(KeyedHash(table_.KeyFor("Route/a"), "k"), KeyedHash(table_.KeyFor("Route/b"), "k"));
  const CounterTable other(clock_, {3, 4}, 8);
  EXPECT_NE(KeyedHash(table_.KeyFor("Route/a"), "k"), KeyedHash(other.KeyFor("Route/a"), "k"));
}

TEST_F(CounterTableTest, CapacityIsRoundedUp) {
  EXPECT_EQ(CounterTable(clock_, kSeed, 1).capacity(), 8u);
  EXPECT_EQ(CounterTable(clock_, kSeed, 9).capacity(), 16u);
  EXPECT_EQ(CounterTable(clock_, kSeed).capacity(), size_t{1} << 20);
}

// Runs `work(thread, round)` in threads that begin every round together; returns the sum of each
// round. `between` runs alone after each.
template <typename Work, typename Between>
std::vector<int> InThreads(int threads, int rounds, Work work, Between between) {
  std::vector<std::atomic<int>> sums(static_cast<size_t>(rounds));
  int round_done = 0;
  std::barrier barrier(threads, [&]() noexcept { between(round_done++); });
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      for (int round = 0; round < rounds; ++round) {
        sums[static_cast<size_t>(round)] += work(t, round);
        barrier.arrive_and_wait();
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  return {sums.begin(), sums.end()};
}

TEST(CounterTableThreadsTest, AllThreadsTogetherAreAdmittedExactlyTheCount) {
  ManualClock clock;
  CounterTable table(clock, kSeed, 1024);
  for (const bool is_sliding : {false, true}) {
    const CounterTable::Limit limit = {1'000, 60, is_sliding};
    const auto admitted = InThreads(
        8, 20,
        [&](int, int round) {
          int mine = 0;
          const auto key = static_cast<uint64_t>(round) * 2 + is_sliding;
          for (int i = 0; i < 500; ++i) mine += table.Take(key, limit, 0).is_admitted;
          return mine;
        },
        [](int) {});
    EXPECT_THAT(admitted, Each(1'000));
  }
}

// Threads meet in a bucket whose slots are all old: each round they put four new keys into it, all
// at once.
TEST(CounterTableThreadsTest, NewKeysInAFullBucketAreCountedOnceEach) {
  ManualClock clock;
  CounterTable table(clock, kSeed, 8);
  const CounterTable::Limit limit = {5, 1};
  const auto admitted = InThreads(
      4, 3'000,
      [&](int t, int round) {
        int mine = 0;
        for (int i = 0; i < 32; ++i) {
          const auto key = static_cast<uint64_t>(round) * 4 + static_cast<uint64_t>((t + i) % 4);
          mine += table.Take(SmallKey(key), limit, clock.MonotonicNanos()).is_admitted;
        }
        return mine;
      },
      [&](int) { clock.Advance(absl::Seconds(1)); });
  EXPECT_THAT(admitted, Each(4 * 5));
  EXPECT_EQ(table.evictions(), 0u);
}

// More keys than slots: budgets begin anew with each eviction, but never is less admitted than the
// count, nothing hangs, and no eviction goes uncounted.
TEST(CounterTableThreadsTest, AnOverfullBucketLosesOnlyWhatItEvicts) {
  ManualClock clock;
  CounterTable table(clock, kSeed, 8);
  const CounterTable::Limit limit = {3, 60};
  constexpr int kKeys = 32;
  const auto admitted = InThreads(
      4, 1,
      [&](int t, int) {
        int mine = 0;
        for (int i = 0; i < 5'000; ++i) {
          const auto key = static_cast<uint64_t>((i * 7 + t) % kKeys);
          mine += table.Take(SmallKey(key), limit, 0).is_admitted;
        }
        return mine;
      },
      [](int) {});
  EXPECT_GE(admitted[0], kKeys * 3);
  EXPECT_LE(static_cast<uint64_t>(admitted[0]), (kKeys + table.evictions()) * 3);
}

// SipHash-1-3 of its authors' test vectors' inputs: key 00..0f, text 00, 01, ...
TEST(KeyedHashTest, IsSipHash13) {
  const HashKey key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
  EXPECT_EQ(KeyedHash(key, ""), 0xabac0158050fc4dc);
  EXPECT_EQ(KeyedHash(key, std::string(1, '\0')), 0xc9f49bf37d57ca93);
  std::string text;
  for (char c = 0; c < 15; ++c) text += c;
  EXPECT_EQ(KeyedHash(key, text), 0xd320d86d2a519956);
}

TEST(KeyedHashTest, RandomKeysDiffer) { EXPECT_NE(HashKey::Random().k0, HashKey::Random().k0); }

}  // namespace
}  // namespace sluice::plugins
