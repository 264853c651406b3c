#include "api/match/hash_trie.h"

#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::match {
namespace {

struct Number {
  RefCount refs;
  uint32_t hash;
  int32_t max_priority;
  int key;
  int* alive;

  uint64_t hint() const { return static_cast<uint64_t>(key) + 1000; }
  static void Destroy(Number* number) {
    --*number->alive;
    delete number;
  }
};

// A trie and a std::map with the same changes, under a hash of the test's choice.
class Model {
 public:
  Model(uint32_t (*hash)(int), int* alive) : hash_(hash), alive_(alive) {}

  void Put(int key, int32_t priority) {
    expected_[key] = priority;
    Update(key, [&](Ref<Number>) {
      ++*alive_;
      return Ref<Number>::Adopt(new Number{{}, hash_(key), priority, key, alive_});
    });
  }

  void Remove(int key) {
    expected_.erase(key);
    Update(key, [](Ref<Number>) { return Ref<Number>(); });
  }

  void Check() const {
    std::map<int, int32_t> found;
    trie_.ForEach([&](const Number& number) { found[number.key] = number.max_priority; });
    ASSERT_EQ(found, expected_);
    int32_t highest = HashTrie<Number>::kNoPriority;
    for (const auto& [key, priority] : expected_) {
      highest = std::max(highest, priority);
      const Number* number = Find(key);
      ASSERT_NE(number, nullptr);
      ASSERT_EQ(number->max_priority, priority);
    }
    ASSERT_EQ(trie_.max_priority(), highest);
    ASSERT_EQ(trie_.empty(), expected_.empty());
    ASSERT_EQ(trie_.only() != nullptr, expected_.size() == 1);
  }

  const Number* Find(int key) const {
    // Whatever the shape, a search in steps finds what another one does, or nothing.
    auto ahead = trie_.LookAhead(hash_(key));
    for (int step = 0; step < 6 && ahead.item() == nullptr; ++step) ahead.Advance();
    if (ahead.item() != nullptr) {
      EXPECT_EQ(ahead.item()->hash, hash_(key));
      EXPECT_EQ(ahead.hint(), ahead.item()->hint());
    }
    return trie_.Find(hash_(key), [key](const Number& number) { return number.key == key; });
  }

 private:
  template <typename Change>
  void Update(int key, Change change) {
    trie_.Update(
        hash_(key), [key](const Number& number) { return number.key == key; }, change);
  }

  uint32_t (*hash_)(int);
  int* alive_;
  HashTrie<Number> trie_;
  std::map<int, int32_t> expected_;
};

uint32_t Spread(int key) { return static_cast<uint32_t>(key) * 0x9E3779B9u; }
uint32_t Constant(int) { return 0x12345678; }
// Alike in all bits that branches look at, in groups of four.
uint32_t HighBits(int key) {
  return static_cast<uint32_t>(key % 4) << 30 | static_cast<uint32_t>(key / 16);
}
uint32_t Deep(int key) { return static_cast<uint32_t>(key % 3) << 24; }

class HashTrieTest : public testing::TestWithParam<uint32_t (*)(int)> {};

TEST_P(HashTrieTest, EveryVersionKeepsWhatItHad) {
  int alive = 0;
  {
    std::mt19937 random(7);
    std::vector<Model> versions = {Model(GetParam(), &alive)};
    for (int step = 0; step < 1500; ++step) {
      // From any version: histories branch.
      Model next = versions[random() % versions.size()];
      for (int change = static_cast<int>(random() % 4); change >= 0; --change) {
        const int key = static_cast<int>(random() % 100);
        const auto priority = static_cast<int32_t>(random() % 3);
        random() % 3 == 0 ? next.Remove(key) : next.Put(key, priority);
      }
      // At times down to a few, so that wide branches become narrow again.
      for (int key = 0; step % 40 == 0 && key < 95; ++key) next.Remove(key);
      next.Check();
      if (versions.size() < 20) {
        versions.push_back(next);
      } else {
        versions[random() % versions.size()] = next;
      }
      versions[random() % versions.size()].Check();
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_EQ(alive, 0) << "items were leaked, or destroyed twice";
}

TEST_P(HashTrieTest, NothingIsFoundUnderAKeyThatIsNotThere) {
  int alive = 0;
  Model model(GetParam(), &alive);
  EXPECT_EQ(model.Find(1), nullptr);
  for (int key = 0; key < 200; key += 2) model.Put(key, 0);
  for (int key = 1; key < 200; key += 2) EXPECT_EQ(model.Find(key), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Hashes, HashTrieTest, testing::Values(Spread, Constant, HighBits, Deep));

}  // namespace
}  // namespace sluice::match
