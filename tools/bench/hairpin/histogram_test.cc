#include "tools/bench/hairpin/histogram.h"

#include <gtest/gtest.h>

namespace sluice::hairpin {
namespace {

TEST(HistogramTest, QuantilesAreWithinOnePercent) {
  Histogram histogram;
  for (int64_t i = 1; i <= 100'000; ++i) histogram.Record(i * 1'000);
  EXPECT_NEAR(histogram.Quantile(0.5), 50'000'000, 500'000);
  EXPECT_NEAR(histogram.Quantile(0.999), 99'900'000, 999'000);
  EXPECT_EQ(histogram.Quantile(1), 100'000'000);
  EXPECT_NEAR(histogram.Mean(), 50'000'500, 1);
}

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (int64_t value : {0, 1, 2, 127}) histogram.Record(value);
  EXPECT_EQ(histogram.Quantile(0.25), 0);
  EXPECT_EQ(histogram.Quantile(0.75), 2);
  EXPECT_EQ(histogram.max(), 127);
}

TEST(HistogramTest, EveryValueLiesInABucketThatBoundsIt) {
  for (int64_t value = 1; value < (int64_t{1} << 39); value = value * 3 / 2 + 1) {
    Histogram histogram;
    histogram.Record(value);
    const auto buckets = histogram.Buckets();
    ASSERT_EQ(buckets.size(), 1u);
    EXPECT_GE(buckets[0].first, value);
    EXPECT_LE(buckets[0].first, value + value / 100 + 1);
  }
}

TEST(HistogramTest, AnEmptyOneHasNoQuantiles) {
  Histogram histogram;
  histogram.Record(5);
  histogram.Clear();
  EXPECT_EQ(histogram.Quantile(0.5), 0);
  EXPECT_TRUE(histogram.Buckets().empty());
}

TEST(HistogramTest, WhatExceedsTheRangeCountsAsItsEnd) {
  Histogram histogram;
  histogram.Record(INT64_MAX);
  histogram.Record(-1);
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.Quantile(0.5), 0);
}

}  // namespace
}  // namespace sluice::hairpin
