#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "proxy/server/overload/memory_limit.h"
#include "proxy/server/overload/overload_level.h"

namespace sluice::server {
namespace {

TEST(OverloadLevelTest, EachLevelBeginsWhereItSaysAndEndsFivePerCentBelow) {
  EXPECT_EQ(NextLevel(OverloadLevel::kNone, 79.9), OverloadLevel::kNone);
  EXPECT_EQ(NextLevel(OverloadLevel::kNone, 80), OverloadLevel::kShrink);
  EXPECT_EQ(NextLevel(OverloadLevel::kNone, 91), OverloadLevel::kShedLow);
  EXPECT_EQ(NextLevel(OverloadLevel::kNone, 250), OverloadLevel::kShedAll);
  EXPECT_EQ(NextLevel(OverloadLevel::kShedLow, 86), OverloadLevel::kShedLow);
  EXPECT_EQ(NextLevel(OverloadLevel::kShedLow, 84.9), OverloadLevel::kEndKeepAlive);
  EXPECT_EQ(NextLevel(OverloadLevel::kShedAll, 10), OverloadLevel::kNone);
}

TEST(OverloadLevelTest, DescriptorsCloseConnectionsAndShedNoRequest) {
  const OverloadActions actions = ActionsOf(OverloadLevel::kNone, OverloadLevel::kShedAll);
  EXPECT_TRUE(actions.end_keep_alive);
  EXPECT_TRUE(actions.stop_accepting);
  EXPECT_FALSE(actions.shrink);
  EXPECT_EQ(actions.shed_below, 0);
}

TEST(OverloadLevelTest, MemoryDoesMoreWithEveryLevel) {
  size_t before = 0;
  for (size_t level = 1; level < kOverloadLevels; ++level) {
    const OverloadActions actions =
        ActionsOf(static_cast<OverloadLevel>(level), OverloadLevel::kNone);
    size_t active = 0;
    for (size_t i = 1; i < kOverloadLevels; ++i) {
      active += IsActive(static_cast<OverloadLevel>(i), actions);
    }
    EXPECT_EQ(active, before + 1) << OverloadLevelName(level);
    before = active;
  }
}

// Files as the kernel has them, in a folder.
class MemoryLimitTest : public ::testing::Test {
 protected:
  MemoryLimitTest() {
    Write("/proc/meminfo", "MemTotal:       1000 kB\nMemFree: 1 kB\n");
    Write("/proc/self/statm", "900 5 3 1 0 2 0\n");
  }
  ~MemoryLimitTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }

  static std::string MakeRoot() {
    std::string root = ::testing::TempDir() + "memory_limit_XXXXXX";
    return mkdtemp(root.data());
  }

  const std::string root_ = MakeRoot();
};

TEST_F(MemoryLimitTest, WithoutAGroupItIsTheMachines) {
  Write("/proc/self/cgroup", "0::/\n");
  const MemoryLimit limit(0, root_);
  EXPECT_EQ(limit.bytes(), 1000u * 1024);
  EXPECT_EQ(limit.source(), "the machine");
  EXPECT_EQ(limit.ReadUsed(), 5u * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
}

TEST_F(MemoryLimitTest, TheLeastOfAllGroupsAboveBinds) {
  Write("/proc/self/cgroup", "0::/a.slice/b.service\n");
  Write("/sys/fs/cgroup/a.slice/memory.max", "500000\n");
  Write("/sys/fs/cgroup/a.slice/b.service/memory.max", "max\n");
  Write("/sys/fs/cgroup/a.slice/b.service/memory.high", "600000\n");
  Write("/sys/fs/cgroup/a.slice/memory.current", "300000\n");
  Write("/sys/fs/cgroup/a.slice/memory.stat", "anon 1\nactive_file 100000\ninactive_file 50000\n");
  const MemoryLimit limit(0, root_);
  EXPECT_EQ(limit.bytes(), 500000u);
  EXPECT_EQ(limit.source(), "/sys/fs/cgroup/a.slice/memory.max");
  // Files are dropped before anybody is killed.
  EXPECT_EQ(limit.ReadUsed(), 150000u);
}

TEST_F(MemoryLimitTest, VersionOneIsReadToo) {
  Write("/proc/self/cgroup", "5:cpu,memory:/x\n1:name=systemd:/\n");
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  Write("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "700000\n");
  Write("/sys/fs/cgroup/memory/x/memory.usage_in_bytes", "200000\n");
  Write("/sys/fs/cgroup/memory/x/memory.stat", "total_active_file 40000\ntotal_inactive_file 1\n");
  const MemoryLimit limit(0, root_);
  EXPECT_EQ(limit.bytes(), 700000u);
  EXPECT_EQ(limit.ReadUsed(), 159999u);
}

TEST_F(MemoryLimitTest, AContainerWhosePathIsOfTheHostReadsWhatIsMounted) {
  Write("/proc/self/cgroup", "0::/of/the/host\n");
  Write("/sys/fs/cgroup/memory.max", "400000\n");
  EXPECT_EQ(MemoryLimit(0, root_).bytes(), 400000u);
}

TEST_F(MemoryLimitTest, WhatIsGivenCounts) {
  const MemoryLimit limit(12345, root_);
  EXPECT_EQ(limit.bytes(), 12345u);
  EXPECT_EQ(limit.source(), "--memory-limit");
}

TEST(MemoryLimitOfThisMachineTest, IsRead) {
  const MemoryLimit limit(0);
  EXPECT_GT(limit.bytes(), uint64_t{64} << 20);
  EXPECT_GT(limit.ReadUsed(), 0u);
}

}  // namespace
}  // namespace sluice::server
