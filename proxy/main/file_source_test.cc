// A real file, watched by a real loop.
#include "proxy/main/file_source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace sluice::main {
namespace {

constexpr char kUpstream[] = "kind: Upstream\nname: up\nendpoints: [{address: \"10.0.0.1:80\"}]\n";
constexpr char kTwoUpstreams[] = "kind: Upstream\nname: up\n---\nkind: Upstream\nname: other\n";

class FileSourceTest : public ::testing::Test {
 protected:
  FileSourceTest() {
    EXPECT_TRUE(loop_.Init().ok());
    directory_ = ::testing::TempDir() + "/file_source_test.XXXXXX";
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
    path_ = directory_ + "/config.yaml";
  }
  ~FileSourceTest() override {
    source_.reset();
    std::remove(path_.c_str());
    rmdir(directory_.c_str());
  }

  void Write(const std::string& text) { std::ofstream(path_) << text; }
  void Replace(const std::string& text) {
    std::ofstream(path_ + ".new") << text;
    ASSERT_EQ(std::rename((path_ + ".new").c_str(), path_.c_str()), 0);
  }
  bool Start() {
    source_ = std::make_unique<FileSource>(
        loop_, path_, [this](runtime::Change change) { changes_.push_back(std::move(change)); },
        [this](const std::vector<resource::Problem>& problems) { problems_ = problems; });
    return source_->Start();
  }
  // The loop for as long as a quiet file takes to be read, and some more.
  void Settle() {
    const absl::Time end = absl::Now() + absl::Milliseconds(200);
    while (absl::Now() < end) loop_.RunOnce(absl::Milliseconds(20));
  }

  SystemClock clock_;
  event::Loop loop_{clock_};
  std::string directory_;
  std::string path_;
  std::unique_ptr<FileSource> source_;
  std::vector<runtime::Change> changes_;
  std::vector<resource::Problem> problems_;
};

TEST_F(FileSourceTest, AValidFileIsTheFirstGenerationAsAWhole) {
  Write(kUpstream);
  ASSERT_TRUE(Start());
  ASSERT_EQ(changes_.size(), 1u);
  EXPECT_EQ(changes_[0].generation, 1u);
  EXPECT_TRUE(changes_[0].is_full);
  EXPECT_EQ(changes_[0].upserts.size(), 1u);
}

TEST_F(FileSourceTest, AnInvalidFileDoesNotStart) {
  Write("kind: Upstream\nname: Up!\n");
  EXPECT_FALSE(Start());
  EXPECT_FALSE(problems_.empty());
  EXPECT_TRUE(changes_.empty());
}

TEST_F(FileSourceTest, AFileThatIsNotThereDoesNotStart) {
  EXPECT_FALSE(Start());
  EXPECT_FALSE(problems_.empty());
}

TEST_F(FileSourceTest, AFileThatIsWrittenIsReadAgain) {
  Write(kUpstream);
  ASSERT_TRUE(Start());
  Write(kTwoUpstreams);
  while (changes_.size() < 2) loop_.RunOnce(absl::Seconds(10));
  EXPECT_EQ(changes_[1].generation, 2u);
  EXPECT_EQ(changes_[1].upserts.size(), 2u);
}

TEST_F(FileSourceTest, AFileThatIsReplacedIsReadAgainEachTime) {
  Write(kUpstream);
  ASSERT_TRUE(Start());
  for (size_t i = 2; i < 6; ++i) {
    Replace(i % 2 == 0 ? kTwoUpstreams : kUpstream);
    while (changes_.size() < i) loop_.RunOnce(absl::Seconds(10));
  }
  EXPECT_EQ(changes_.back().generation, 5u);
}

TEST_F(FileSourceTest, ASecondWriteInShortOrderIsReadWithTheFirst) {
  Write(kUpstream);
  ASSERT_TRUE(Start());
  Write("kind: Upst");
  Write(kTwoUpstreams);
  while (changes_.size() < 2) loop_.RunOnce(absl::Seconds(10));
  EXPECT_TRUE(problems_.empty()) << "the half file was not read";
}

TEST_F(FileSourceTest, AnInvalidChangeIsToldAndTheNextValidOneIsTheNextGeneration) {
  Write(kUpstream);
  ASSERT_TRUE(Start());
  Write("kind: Nonsense\n");
  while (problems_.empty()) loop_.RunOnce(absl::Seconds(10));
  EXPECT_EQ(changes_.size(), 1u);
  Write(kTwoUpstreams);
  while (changes_.size() < 2) loop_.RunOnce(absl::Seconds(10));
  EXPECT_EQ(changes_[1].generation, 2u);
}

TEST_F(FileSourceTest, TheSameContentAgainIsNoChange) {
  Write(kUpstream);
  ASSERT_TRUE(Start());
  Replace(kUpstream);
  Settle();
  EXPECT_EQ(changes_.size(), 1u);
}

TEST_F(FileSourceTest, OtherFilesOfTheFolderAreNoChange) {
  Write(kUpstream);
  ASSERT_TRUE(Start());
  std::ofstream(directory_ + "/other.yaml") << "kind: Nonsense\n";
  Settle();
  std::remove((directory_ + "/other.yaml").c_str());
  EXPECT_EQ(changes_.size(), 1u);
  EXPECT_TRUE(problems_.empty());
}

}  // namespace
}  // namespace sluice::main
