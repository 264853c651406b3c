// Threads that stop wherever they touch memory: a schedule drawn from a seed decides who goes on.
// So interleavings are met that real threads show once in a million runs, and a failure names its
// seed.
#include "proxy/plugins/limit_count/counter_bucket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace sluice::plugins {
namespace {

// Lets one of its threads run at a time. A thread that no scheduler started runs freely.
class Scheduler {
 public:
  explicit Scheduler(uint32_t seed) : random_(seed) {}

  // Runs all to their end.
  void Run(const std::vector<std::function<void()>>& bodies) {
    for (size_t i = 0; i < bodies.size(); ++i) ready_.push_back(i);
    current_ = Draw();
    std::vector<std::thread> threads;
    for (size_t i = 0; i < bodies.size(); ++i) {
      threads.emplace_back([this, i, &bodies] {
        self = this;
        id = i;
        Wait();
        bodies[i]();
        Finish();
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  // Before each touch of memory: perhaps somebody else goes on first.
  static void Step() {
    if (self != nullptr) self->Yield();
  }

 private:
  size_t Draw() { return ready_[random_() % ready_.size()]; }

  void Yield() {
    {
      std::lock_guard lock(mutex_);
      // Runs of one thread between changes of all lengths.
      if (random_() % 3 != 0) return;
      current_ = Draw();
      if (current_ == id) return;
    }
    changed_.notify_all();
    Wait();
  }

  void Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return current_ == id; });
  }

  void Finish() {
    {
      std::lock_guard lock(mutex_);
      ready_.erase(std::find(ready_.begin(), ready_.end(), id));
      if (!ready_.empty()) current_ = Draw();
    }
    changed_.notify_all();
  }

  static thread_local Scheduler* self;
  static thread_local size_t id;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::mt19937 random_;
  std::vector<size_t> ready_;
  size_t current_ = 0;
};

thread_local Scheduler* Scheduler::self = nullptr;
thread_local size_t Scheduler::id = 0;

// A word of memory at which threads stop.
class ScheduledWord {
 public:
  uint64_t load(std::memory_order order = std::memory_order_seq_cst) const {
    Scheduler::Step();
    return word_.load(order);
  }
  bool compare_exchange_strong(uint64_t& expected, uint64_t desired) {
    Scheduler::Step();
    return word_.compare_exchange_strong(expected, desired);
  }

 private:
  std::atomic<uint64_t> word_{0};
};

class CounterBucketTest : public ::testing::Test {
 protected:
  using Bucket = CounterBucket<ScheduledWord>;

  bool Take(uint64_t key, uint64_t window, uint64_t count) {
    const Bucket::Entry entry = {Bucket::TagOf(key), window, 1, static_cast<uint32_t>(window)};
    const auto admits = [count](uint64_t used, uint64_t) { return used < count; };
    return bucket_->Count(entry, admits, tallies_).is_admitted;
  }

  // An empty bucket, or one full of keys 1 to 8 whose windows ended: 1's first, 8's last.
  void Reset(bool is_full) {
    bucket_ = std::make_unique<Bucket>();
    tallies_.evictions = 0;
    for (uint64_t key = 1; is_full && key <= 8; ++key) Take(key, 10 + 2 * key, 100);
  }

  std::unique_ptr<Bucket> bucket_;
  BucketTallies tallies_;
};

constexpr uint64_t kNow = 100;
constexpr int kSchedules = 1'500;

TEST_F(CounterBucketTest, ThreadsThatBringTheSameKeyShareOneCount) {
  for (uint32_t seed = 0; seed < kSchedules; ++seed) {
    Reset(/*is_full=*/seed % 2 == 0);
    int admitted = 0;
    const auto body = [&] { admitted += Take(50, kNow, 2) + Take(50, kNow, 2); };
    Scheduler(seed).Run({body, body, body});
    ASSERT_EQ(admitted, 2) << "seed " << seed;
  }
}

TEST_F(CounterBucketTest, DifferentKeysDoNotTakeEachOthersSlot) {
  for (uint32_t seed = 0; seed < kSchedules; ++seed) {
    Reset(/*is_full=*/seed % 2 == 0);
    int admitted[2] = {0, 0};
    const auto body = [&](int first) {
      for (int i = 0; i < 2; ++i) admitted[(first + i) % 2] += Take(50 + (first + i) % 2, kNow, 1);
    };
    Scheduler(seed).Run({[&] { body(0); }, [&] { body(1); }, [&] { body(0); }});
    ASSERT_EQ(admitted[0], 1) << "seed " << seed;
    ASSERT_EQ(admitted[1], 1) << "seed " << seed;
    ASSERT_EQ(tallies_.evictions, 0u) << "seed " << seed;
  }
}

// The oldest keys come back while others look for the oldest: threads choose different slots for
// the same new key.
TEST_F(CounterBucketTest, ANewKeyHasOnePlaceWhileOldOnesComeBack) {
  for (uint32_t seed = 0; seed < kSchedules; ++seed) {
    Reset(/*is_full=*/true);
    int admitted = 0;
    const auto body = [&] { admitted += Take(50, kNow, 1) + Take(50, kNow, 1); };
    const auto return_old = [&] {
      for (uint64_t key = 1; key <= 4; ++key) Take(key, kNow, 100);
    };
    Scheduler(seed).Run({body, body, return_old});
    ASSERT_EQ(admitted, 1) << "seed " << seed;
  }
}

// Counts of a key survive that its neighbours are evicted, and an evicted key's counts do not pass
// to the one that takes its slot.
TEST_F(CounterBucketTest, AnEvictedKeyLeavesNothingToItsSuccessor) {
  for (uint32_t seed = 0; seed < kSchedules; ++seed) {
    Reset(/*is_full=*/true);
    int admitted = 0;
    Scheduler(seed).Run({[&] { Take(1, kNow, 100), Take(1, kNow, 100); },
                         [&] { admitted += Take(50, kNow, 2); },
                         [&] { admitted += Take(50, kNow, 2) + Take(50, kNow, 2); }});
    ASSERT_EQ(admitted, 2) << "seed " << seed;
  }
}

// A key may lose its slot just as it comes back. Then its count begins anew, and that is told.
TEST_F(CounterBucketTest, AKeyThatComesBackIsCountedOnceForEachTimeItStays) {
  for (uint32_t seed = 0; seed < kSchedules; ++seed) {
    Reset(/*is_full=*/true);
    int admitted = 0;
    const auto come_back = [&] { admitted += Take(1, kNow, 1) + Take(1, kNow, 1); };
    Scheduler(seed).Run({come_back, come_back, [&] { Take(50, kNow, 1); }});
    ASSERT_GE(admitted, 1) << "seed " << seed;
    ASSERT_LE(admitted, 1 + static_cast<int>(tallies_.evictions)) << "seed " << seed;
  }
}

TEST_F(CounterBucketTest, InAStormEveryKeyThatStaysIsCountedExactly) {
  for (uint32_t seed = 0; seed < kSchedules; ++seed) {
    Reset(/*is_full=*/true);
    int admitted[2] = {0, 0};
    const auto body = [&](uint64_t first) {
      for (uint64_t i = first; i < first + 3; ++i) admitted[i % 2] += Take(50 + i % 2, kNow, 2);
    };
    const auto return_old = [&] {
      for (uint64_t key = 1; key <= 3; ++key) Take(key, kNow, 100);
    };
    Scheduler(seed).Run({[&] { body(0); }, [&] { body(1); }, [&] { body(0); }, return_old});
    ASSERT_EQ(admitted[0], 2) << "seed " << seed;
    ASSERT_EQ(admitted[1], 2) << "seed " << seed;
  }
}

}  // namespace
}  // namespace sluice::plugins
