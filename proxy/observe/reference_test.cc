#include "proxy/observe/reference.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace sluice::observe {
namespace {

TEST(ReferenceTest, GeneratedPagesAreUpToDate) {
  for (const ReferencePage& page : ReferencePages()) {
    std::ifstream file("docs/reference/" + page.file);
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    EXPECT_EQ(text, page.text) << "run: bazel run //proxy/observe:write_reference";
  }
}

}  // namespace
}  // namespace sluice::observe
