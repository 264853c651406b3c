#include "api/resource/view_hash.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "api/resource/digest.h"
#include "gtest/gtest.h"

namespace sluice::resource {
namespace {

// The definition of view_hash.h, computed from nothing.
std::string Reference(const std::map<std::string, std::string>& objects) {
  std::vector<std::string> buckets[1024];
  for (const auto& [key, digest] : objects) {
    const std::string id = Sha256(key).substr(0, 16);
    const size_t bucket = static_cast<uint8_t>(id[0]) * 4u + static_cast<uint8_t>(id[1]) / 64u;
    buckets[bucket].push_back(id + digest);
  }
  const std::string zero(32, '\0');
  std::string groups;
  for (size_t group = 0; group < 32; ++group) {
    std::string sums;
    for (size_t i = group * 32; i < group * 32 + 32; ++i) {
      std::sort(buckets[i].begin(), buckets[i].end());
      std::string content;
      for (const std::string& entry : buckets[i]) content += entry;
      sums += content.empty() ? zero : Sha256(content);
    }
    groups += sums == std::string(1024, '\0') ? zero : Sha256(sums);
  }
  return Sha256(groups);
}

TEST(ViewHashTest, OfAnEmptyViewIsFixed) {
  EXPECT_EQ(ViewHash().Hash(), Reference({}));
  EXPECT_EQ(ToHex(ViewHash().Hash()),
            "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
}

TEST(ViewHashTest, AgreesWithItsDefinitionThroughAnySequenceOfChanges) {
  ViewHash hash;
  std::map<std::string, std::string> objects;
  uint32_t random = 1;
  for (int step = 0; step < 3000; ++step) {
    random = random * 1664525u + 1013904223u;
    const std::string key = "Route/" + std::to_string((random >> 8) % 500);
    if (random >> 30 == 0) {
      hash.Remove(key);
      objects.erase(key);
    } else {
      hash.Upsert(key, Sha256(std::to_string(step)));
      objects[key] = Sha256(std::to_string(step));
    }
    if (step % 100 == 0) {
      ASSERT_EQ(hash.Hash(), Reference(objects)) << step;
      ASSERT_EQ(hash.size(), objects.size());
    }
  }
}

TEST(ViewHashTest, ComesBackWhenAChangeIsUndone) {
  ViewHash hash;
  hash.Upsert("a", Sha256("1"));
  const std::string before = hash.Hash();
  hash.Upsert("a", Sha256("2"));
  hash.Upsert("b", Sha256("1"));
  EXPECT_NE(hash.Hash(), before);
  hash.Remove("b");
  hash.Upsert("a", Sha256("1"));
  EXPECT_EQ(hash.Hash(), before);
}

TEST(ViewHashTest, RemovingTheLastObjectGivesTheEmptyView) {
  ViewHash hash;
  hash.Upsert("a", Sha256("1"));
  hash.Hash();
  hash.Remove("a");
  hash.Remove("never there");
  EXPECT_EQ(hash.Hash(), ViewHash().Hash());
  EXPECT_EQ(hash.size(), 0u);
}

TEST(ViewHashTest, ACopyDoesNotFollowItsOriginal) {
  ViewHash original;
  for (int i = 0; i < 2000; ++i) original.Upsert(std::to_string(i), Sha256("x"));
  ViewHash dirty_copy = original;
  const std::string before = original.Hash();
  ViewHash clean_copy = original;
  original.Upsert("7", Sha256("y"));
  original.Remove("8");
  EXPECT_NE(original.Hash(), before);
  EXPECT_EQ(dirty_copy.Hash(), before);
  EXPECT_EQ(clean_copy.Hash(), before);
  EXPECT_EQ(clean_copy.size(), 2000u);
}

TEST(ViewHashTest, FindsTheDigestOfWhatItHolds) {
  ViewHash hash;
  hash.Upsert("Route/a", Sha256("1"));
  EXPECT_EQ(hash.Find("Route/a"), Sha256("1"));
  EXPECT_EQ(hash.Find("Route/b"), std::nullopt);
  hash.Remove("Route/a");
  EXPECT_EQ(hash.Find("Route/a"), std::nullopt);
}

}  // namespace
}  // namespace sluice::resource
