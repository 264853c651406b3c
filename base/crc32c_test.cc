#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32cTest, AgreesWithTheStandardsExamples) {
  EXPECT_EQ(ExtendCrc32c(0, std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(ExtendCrc32c(0, std::string(32, '\xff')), 0x62a8ab43u);
  std::string ascending;
  for (char c = 0; c < 32; ++c) ascending.push_back(c);
  EXPECT_EQ(ExtendCrc32c(0, ascending), 0x46dd794eu);
  EXPECT_EQ(ExtendCrc32c(ExtendCrc32c(0, ascending.substr(0, 13)), ascending.substr(13)),
            0x46dd794eu);
}

}  // namespace
}  // namespace sluice
