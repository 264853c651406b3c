// docs/plugins/writing.md shows files that are built and tested: every block of code that names a
// file ("```cpp proxy/plugins/example/plugin.h") is a piece of it, word for word.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace {

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << "cannot read " << path;
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

struct Block {
  std::string path;
  std::string text;
};

std::vector<Block> BlocksWithFiles(const std::string& document) {
  std::vector<Block> blocks;
  bool is_inside = false;
  for (absl::string_view line : absl::StrSplit(document, '\n')) {
    if (absl::ConsumePrefix(&line, "```")) {
      const std::vector<std::string> info = absl::StrSplit(line, ' ');
      is_inside = !is_inside && info.size() == 2;
      if (is_inside) blocks.push_back({info[1], ""});
    } else if (is_inside) {
      blocks.back().text.append(line.data(), line.size()).push_back('\n');
    }
  }
  return blocks;
}

TEST(WritingTest, EveryBlockIsAPieceOfTheFileThatItNames) {
  const std::vector<Block> blocks = BlocksWithFiles(ReadAll("docs/plugins/writing.md"));
  for (const Block& block : blocks) {
    EXPECT_TRUE(absl::StrContains(ReadAll(block.path), block.text))
        << block.path << " does not hold\n"
        << block.text;
  }
}

TEST(WritingTest, TheExampleIsShownWhole) {
  std::set<std::string> shown;
  for (const Block& block : BlocksWithFiles(ReadAll("docs/plugins/writing.md"))) {
    shown.insert(block.path);
  }
  for (const char* path :
       {"api/sluice/plugins/example/request_size_limit.proto",
        "api/validate/plugins/example/request_size_limit.cc", "proxy/plugins/example/plugin.h",
        "proxy/plugins/example/plugin.cc", "proxy/plugins/example/plugin_test.cc",
        "proxy/plugins/example/BUILD.bazel", "proxy/plugins/registry.cc"}) {
    EXPECT_EQ(shown.count(path), 1u) << path;
  }
}

}  // namespace
