#include "proxy/observe/log_thread.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sluice::observe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LogThreadTest : public ::testing::Test {
 protected:
  LogThreadTest() {
    std::string name = absl::StrCat(::testing::TempDir(), "/log.XXXXXX");
    directory_ = mkdtemp(name.data());
  }
  ~LogThreadTest() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return absl::StrCat(directory_, "/", name); }

  static std::string Read(const std::string& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }

  // Logs a line that says just `text`.
  bool Write(LogWriter& writer, const LogFile& file, absl::string_view text) {
    AccessRecord record;
    record.path = text;
    return writer.Write(format_, record, file);
  }

  SystemClock clock_;
  const AccessLogFormat format_ = *AccessLogFormat::Text("%REQ(:PATH)%");
  std::string directory_;
};

TEST_F(LogThreadTest, LinesOfAWorkerArriveWholeAndInOrder) {
  LogThread log(clock_);
  LogWriter& writer = log.AddWriter();
  const auto file = log.Open(Path("a"));
  Write(writer, *file, "one");
  Write(writer, *file, "two");
  log.Flush();
  EXPECT_EQ(Read(Path("a")), "one\ntwo\n");
}

TEST_F(LogThreadTest, EachFileGetsItsLines) {
  LogThread log(clock_);
  LogWriter& writer = log.AddWriter();
  const auto a = log.Open(Path("a"));
  const auto b = log.Open(Path("b"));
  Write(writer, *a, "1");
  Write(writer, *b, "2");
  Write(writer, *a, "3");
  log.Flush();
  EXPECT_EQ(Read(Path("a")), "1\n3\n");
  EXPECT_EQ(Read(Path("b")), "2\n");
}

TEST_F(LogThreadTest, OnePathIsOneFileForAllGenerations) {
  LogThread log(clock_);
  const auto first = log.Open(Path("a"));
  EXPECT_EQ(log.Open(Path("a")), first);
  EXPECT_NE(log.Open(Path("b")), first);
}

TEST_F(LogThreadTest, TheEndWritesWhatWasLogged) {
  {
    LogThread log(clock_);
    LogWriter& writer = log.AddWriter();
    const auto file = log.Open(Path("a"));
    for (int i = 0; i < 1'000; ++i) Write(writer, *file, "line");
  }
  EXPECT_EQ(std::filesystem::file_size(Path("a")), 5'000u);
}

TEST_F(LogThreadTest, AFileIsMadeForOwnerAndGroupOnly) {
  LogThread log(clock_);
  LogWriter& writer = log.AddWriter();
  const mode_t mask = umask(0);
  Write(writer, *log.Open(Path("a")), "line");
  log.Flush();
  umask(mask);
  struct stat info;
  ASSERT_EQ(stat(Path("a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST_F(LogThreadTest, ExistingLinesStay) {
  std::ofstream(Path("a")) << "old\n";
  LogThread log(clock_);
  LogWriter& writer = log.AddWriter();
  const auto file = log.Open(Path("a"));
  Write(writer, *file, "new");
  log.Flush();
  EXPECT_EQ(Read(Path("a")), "old\nnew\n");
}

TEST_F(LogThreadTest, AReopenedLogGoesOnInTheNewFile) {
  LogThread log(clock_);
  LogWriter& writer = log.AddWriter();
  const auto file = log.Open(Path("a"));
  Write(writer, *file, "before");
  log.Flush();
  std::filesystem::rename(Path("a"), Path("a.1"));
  log.ReopenFromAnyThread();
  Write(writer, *file, "after");
  log.Flush();
  EXPECT_EQ(Read(Path("a.1")), "before\n");
  EXPECT_EQ(Read(Path("a")), "after\n");
}

TEST_F(LogThreadTest, AFileThatCannotBeOpenedIsTriedAgain) {
  LogThread log(clock_);
  LogWriter& writer = log.AddWriter();
  const auto file = log.Open(Path("missing/a"));
  Write(writer, *file, "waits");
  log.Flush();
  EXPECT_THAT(log.Problems(), ElementsAre(HasSubstr("No such file or directory")));
  EXPECT_GE(log.GetStats().errors, 1u);
  std::filesystem::create_directory(Path("missing"));
  log.Flush();
  EXPECT_EQ(Read(Path("missing/a")), "waits\n");
  EXPECT_THAT(log.Problems(), IsEmpty());
}

TEST_F(LogThreadTest, AFullDiskBlocksNobodyAndCountsWhatIsLost) {
  LogThread log(clock_, {.ring_bytes = 64 * 1024});
  LogWriter& writer = log.AddWriter();
  const auto file = log.Open("/dev/full");
  const std::string text(1'000, 'x');
  constexpr uint64_t kLines = 5'000;  // More than the ring and what waits for a file.
  for (uint64_t i = 0; i < kLines; ++i) Write(writer, *file, text);
  log.Flush();
  EXPECT_THAT(log.Problems(), ElementsAre(HasSubstr("No space left on device")));
  const LogThread::Stats stats = log.GetStats();
  EXPECT_EQ(stats.lines, 0u);
  EXPECT_GE(stats.dropped, kLines - LogOutput::kMaxWaiting / 1'001 - 1);
  EXPECT_LT(stats.dropped, kLines);
}

TEST_F(LogThreadTest, OneFileThatCannotBeWrittenDoesNotStopTheOthers) {
  LogThread log(clock_);
  LogWriter& writer = log.AddWriter();
  const auto full = log.Open("/dev/full");
  const auto good = log.Open(Path("a"));
  Write(writer, *full, "lost");
  Write(writer, *good, "kept");
  log.Flush();
  EXPECT_EQ(Read(Path("a")), "kept\n");
}

TEST_F(LogThreadTest, ALineThatFindsNoRoomIsDroppedAndCounted) {
  LogRing ring(64);
  EXPECT_TRUE(ring.Push(1, "a line of 24 characters."));
  EXPECT_FALSE(ring.Push(1, "another that does not fit"));
  EXPECT_EQ(ring.dropped(), 1u);
  ring.Drain([](uint32_t, absl::string_view, absl::string_view) {});
  EXPECT_TRUE(ring.Push(1, "another that does fit now"));
}

TEST_F(LogThreadTest, LinesAcrossTheEndOfTheRingComeWhole) {
  LogRing ring(64);
  for (int i = 0; i < 100; ++i) {
    const std::string line =
        absl::StrCat("line ", i, std::string(static_cast<size_t>(i) % 30, '.'));
    ASSERT_TRUE(ring.Push(static_cast<uint32_t>(i), line));
    std::string seen;
    ring.Drain([&](uint32_t file, absl::string_view first, absl::string_view second) {
      EXPECT_EQ(file, static_cast<uint32_t>(i));
      seen = absl::StrCat(first, second);
    });
    EXPECT_EQ(seen, line);
  }
}

TEST_F(LogThreadTest, TheReaderIsWokenOnceEachTimeTheRingIsHalfFull) {
  LogRing ring(1024);
  const auto push = [&] {
    ring.Push(0, std::string(56, 'x'));
    return ring.IsTimeToWake();
  };
  const auto wakes_of_twelve = [&] {
    int wakes = 0;
    for (int i = 0; i < 12; ++i) wakes += push();
    return wakes;
  };
  EXPECT_EQ(wakes_of_twelve(), 1);
  ring.Drain([](uint32_t, absl::string_view, absl::string_view) {});
  EXPECT_EQ(wakes_of_twelve(), 1);
  for (int i = 0; i < 100; ++i) {
    ring.Drain([](uint32_t, absl::string_view, absl::string_view) {});
    EXPECT_FALSE(push());
  }
}

TEST_F(LogThreadTest, AFileThatNobodyHoldsIsClosedAfterItsLines) {
  LogThread log(clock_);
  LogWriter& writer = log.AddWriter();
  auto file = log.Open(Path("a"));
  Write(writer, *file, "last");
  file.reset();
  log.Flush();
  log.Flush();
  EXPECT_EQ(Read(Path("a")), "last\n");
  EXPECT_EQ(log.GetStats().lines, 1u);
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    EXPECT_NE(std::filesystem::read_symlink(entry, ignored), Path("a"));
  }
}

TEST_F(LogThreadTest, APipeWithoutAReaderIsTriedUntilThereIsOne) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  LogThread log(clock_);
  LogWriter& writer = log.AddWriter();
  const auto file = log.Open(Path("pipe"));
  Write(writer, *file, "waits");
  log.Flush();
  EXPECT_THAT(log.Problems(), ElementsAre(HasSubstr("cannot open")));
  const int reader = open(Path("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  log.Flush();
  char text[16];
  EXPECT_EQ(read(reader, text, sizeof(text)), 6);
  close(reader);
}

// A reader that stands still must hold up neither the log thread nor the end of the process.
TEST_F(LogThreadTest, AFullPipeHoldsUpNobody) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  const int reader = open(Path("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  LogThread log(clock_);
  LogWriter& writer = log.AddWriter();
  const auto pipe = log.Open(Path("pipe"));
  const auto other = log.Open(Path("a"));
  for (int i = 0; i < 200; ++i) Write(writer, *pipe, std::string(1'000, 'x'));
  Write(writer, *other, "kept");
  log.Flush();
  EXPECT_EQ(Read(Path("a")), "kept\n");
  EXPECT_THAT(log.Problems(), IsEmpty());
  close(reader);
}

TEST_F(LogThreadTest, WhenAPipesReaderDiesTheRestOfItsLineIsDropped) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  int reader = open(Path("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  LogThread log(clock_);
  LogWriter& writer = log.AddWriter();
  const auto pipe = log.Open(Path("pipe"));
  for (int i = 0; i < 200; ++i) Write(writer, *pipe, std::string(1'000, 'x'));
  log.Flush();
  close(reader);
  log.Flush();
  EXPECT_THAT(log.Problems(), ElementsAre(HasSubstr("Broken pipe")));
  reader = open(Path("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  log.Flush();
  std::string text(1'001, '\0');
  ASSERT_EQ(read(reader, text.data(), text.size()), 1'001);
  EXPECT_EQ(text.find('\n'), 1'000u);
  close(reader);
}

// Under TSan: several workers, a rotation, and the log thread.
TEST_F(LogThreadTest, ManyWorkersLoseNothingAcrossReopens) {
  constexpr int kWorkers = 4;
  constexpr int kLines = 20'000;
  {
    LogThread log(clock_, {.ring_bytes = 4 << 20});
    const auto file = log.Open(Path("a"));
    std::vector<std::thread> workers;
    for (int w = 0; w < kWorkers; ++w) {
      workers.emplace_back([&, w, &writer = log.AddWriter()] {
        for (int i = 0; i < kLines; ++i) Write(writer, *file, absl::StrCat(w, " ", i));
      });
    }
    for (int i = 0; i < 20; ++i) {
      log.ReopenFromAnyThread();
      log.Flush();
    }
    for (std::thread& worker : workers) worker.join();
  }
  std::vector<int> next(kWorkers);
  const std::string text = Read(Path("a"));
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    int worker = 0;
    int number = 0;
    ASSERT_TRUE(words.size() == 2 && absl::SimpleAtoi(words[0], &worker) &&
                absl::SimpleAtoi(words[1], &number))
        << line;
    ASSERT_EQ(number, next[static_cast<size_t>(worker)]++);
  }
  EXPECT_THAT(next, ::testing::Each(kLines));
}

}  // namespace
}  // namespace sluice::observe
