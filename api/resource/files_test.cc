#include "api/resource/files.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::resource {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace fs = std::filesystem;

constexpr const char* kSet = "kind: PluginSet\nname: ";

class FilesTest : public ::testing::Test {
 protected:
  FilesTest()
      : directory_(fs::path(::testing::TempDir()) /
                   ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }

  std::string Write(const std::string& name, const std::string& text) {
    const fs::path path = directory_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }

  static std::vector<std::string> NamesOf(const ReadResult& result) {
    std::vector<std::string> names;
    for (const SourcedResource& read : result.resources) names.push_back(read.resource.name());
    return names;
  }

  const fs::path directory_;
};

TEST_F(FilesTest, ADirectoryIsReadInTheOrderOfPaths) {
  Write("b.yml", kSet + std::string("b\n"));
  Write("a.yaml", kSet + std::string("a\n"));
  Write("sub/c.json", R"({"kind": "PluginSet", "name": "c"})");
  const ReadResult result = ReadPath(directory_);
  EXPECT_THAT(NamesOf(result), ElementsAre("a", "b", "c"));
  EXPECT_THAT(result.problems, IsEmpty());
  EXPECT_THAT(result.resources[0].location.file, EndsWith("/a.yaml"));
}

TEST_F(FilesTest, HiddenAndOtherFilesAreNotRead) {
  Write(".hidden.yaml", "bad");
  Write(".git/a.yaml", "bad");
  Write("README.md", "bad");
  Write("a.yaml", kSet + std::string("a\n"));
  const ReadResult result = ReadPath(directory_);
  EXPECT_THAT(NamesOf(result), ElementsAre("a"));
  EXPECT_THAT(result.problems, IsEmpty());
}

TEST_F(FilesTest, AMissingFileIsAProblemBesideTheOthers) {
  const std::string good = Write("a.yaml", kSet + std::string("a\n"));
  const ReadResult result = ReadPaths({directory_ / "none.yaml", good});
  EXPECT_THAT(NamesOf(result), ElementsAre("a"));
  ASSERT_THAT(result.problems, SizeIs(1));
  EXPECT_EQ(result.problems[0].problem, "cannot be read: No such file or directory");
}

TEST_F(FilesTest, AFileThatIsTooLongIsNotRead) {
  ReadOptions options;
  options.max_bytes = 100;
  const std::string file = Write("a.yaml", std::string(100000, '#'));
  EXPECT_THAT(ReadPath(file, options).problems, SizeIs(1));
}

TEST(ReadTextTest, WithoutATellingNameTheFirstCharacterDecides) {
  ReadOptions options;
  options.file = "-";
  // A comma too many, which only JSON refuses.
  EXPECT_THAT(ReadText(" {\"kind\": \"PluginSet\", \"name\": \"a\",}", options).problems,
              SizeIs(1));
  EXPECT_THAT(ReadText("kind: PluginSet\nname: a\n", options).problems, IsEmpty());
  options.file = "a.yaml";
  EXPECT_THAT(ReadText(" {\"kind\": \"PluginSet\", \"name\": \"a\",}", options).problems,
              IsEmpty());
}

}  // namespace
}  // namespace sluice::resource
