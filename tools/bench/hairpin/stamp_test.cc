#include "tools/bench/hairpin/stamp.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::hairpin {
namespace {

TEST(StampTest, StampsAreFoundWhereverAReadEnds) {
  const std::string bytes =
      "data: " + StampedMessage(0x1234abcd, 40) + "\n\n@no" + StampedMessage(INT64_MAX, 0);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    StampReader reader;
    std::vector<int64_t> found;
    const auto add = [&](int64_t sent) { found.push_back(sent); };
    reader.Feed(absl::string_view(bytes).substr(0, cut), add);
    reader.Feed(absl::string_view(bytes).substr(cut), add);
    EXPECT_EQ(found, (std::vector<int64_t>{0x1234abcd, INT64_MAX})) << cut;
  }
}

}  // namespace
}  // namespace sluice::hairpin
