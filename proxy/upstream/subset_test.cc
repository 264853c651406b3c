#include "proxy/upstream/subset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::upstream {
namespace {

using ::testing::ElementsAre;

class SubsetIndexTest : public ::testing::Test {
 protected:
  SubsetIndex Index(std::vector<std::vector<std::string>> selectors) {
    SubsetRules rules;
    rules.selectors = std::move(selectors);
    std::vector<uint32_t> members;
    std::vector<const Labels*> labels_of;
    for (const Labels& labels : endpoints_) {
      members.push_back(static_cast<uint32_t>(members.size()));
      labels_of.push_back(&labels);
    }
    return SubsetIndex(rules, members, labels_of);
  }

  std::vector<Labels> endpoints_ = {{{"version", "v1"}, {"stage", "prod"}},
                                    {{"version", "v2"}, {"stage", "prod"}},
                                    {{"version", "v2"}, {"stage", "test"}},
                                    {{"stage", "test"}}};
};

TEST_F(SubsetIndexTest, EveryValueOfALabelIsASubset) {
  const SubsetIndex index = Index({{"version"}});
  EXPECT_EQ(index.size(), 2u);
  EXPECT_THAT(index.members(*index.Find(SubsetKey({{"version", "v2"}}))), ElementsAre(1, 2));
}

TEST_F(SubsetIndexTest, SeveralLabelsMustAllAgree) {
  const SubsetIndex index = Index({{"stage", "version"}});
  EXPECT_THAT(index.members(*index.Find(SubsetKey({{"version", "v2"}, {"stage", "test"}}))),
              ElementsAre(2));
  EXPECT_EQ(index.Find(SubsetKey({{"version", "v1"}, {"stage", "test"}})), std::nullopt);
}

TEST_F(SubsetIndexTest, OnlySelectorsMakeSubsets) {
  const SubsetIndex index = Index({{"version"}});
  EXPECT_EQ(index.Find(SubsetKey({{"stage", "prod"}})), std::nullopt);
  EXPECT_EQ(index.Find(SubsetKey({{"stage", "prod"}, {"version", "v2"}})), std::nullopt);
  EXPECT_EQ(index.Find(""), std::nullopt);
}

TEST_F(SubsetIndexTest, ThereAreNoMoreSubsetsThanSelectorsTimesEndpoints) {
  endpoints_.clear();
  for (int i = 0; i < 100; ++i) {
    endpoints_.push_back({{"a", std::to_string(i)}, {"b", std::to_string(-i)}});
  }
  EXPECT_EQ(Index({{"a"}, {"b"}, {"a", "b"}}).size(), 300u);
}

}  // namespace
}  // namespace sluice::upstream
