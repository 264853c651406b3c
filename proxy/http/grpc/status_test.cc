#include "proxy/http/grpc/status.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::http::grpc {
namespace {

TEST(StatusTest, OnlyWhatAServerIsToBlameForStandsForAFailureOfIt) {
  const int expected[] = {200, 400, 500, 400, 504, 400, 400, 400, 400,
                          400, 400, 400, 501, 500, 503, 500, 400};
  for (int code = 0; code <= 16; ++code) EXPECT_EQ(ToHttp(std::to_string(code)), expected[code]);
  EXPECT_EQ(ToHttp("17"), 400);
  EXPECT_EQ(ToHttp(""), 500);
  EXPECT_EQ(ToHttp("ok"), 500);
}

}  // namespace
}  // namespace sluice::http::grpc
