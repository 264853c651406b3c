// Writes access logs to files, so that no worker ever waits for a disk.
//
//   LogThread log(clock);                                      // One for the process.
//   std::shared_ptr<const LogFile> file = log.Open(path);      // Build thread; by path.
//   LogWriter& writer = log.AddWriter();                       // One a worker.
//   writer.Write(format, record, *file);                       // Worker.
//
// A worker copies its line into a ring of its own (1 MiB) and goes on; where there is no room, the
// line is dropped and counted. The log thread looks into the rings every 100 ms, or sooner at the
// rate at which they fill, so that a worker makes no system call: only one whose ring suddenly is
// half full wakes it. Lines of a worker stay in order; those of different workers mix. A file that
// cannot be written is tried again every second; meanwhile 1 MiB of it waits, the rest is dropped
// and counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "proxy/observe/access_log_format.h"
#include "proxy/observe/log_output.h"
#include "proxy/observe/log_ring.h"

namespace sluice::observe {

// Keeps a log open. Destroyed, by the last owner, only when no worker writes to it any more.
struct LogFile {
  uint32_t id;
  std::string path;
};

// Thread: the worker's to which it was given.
class LogWriter {
 public:
  // Prints the exchange as a line of `file`. False if it was dropped.
  bool Write(const AccessLogFormat& format, const AccessRecord& record, const LogFile& file);

 private:
  friend class LogThread;
  LogWriter(size_t ring_bytes, int wake_fd) : ring_(ring_bytes), wake_fd_(wake_fd) {}

  LogRing ring_;
  const int wake_fd_;
  char line_[AccessLogFormat::kMaxLine];
};

class LogThread {
 public:
  struct Options {
    size_t ring_bytes = 1 << 20;  // A power of two, at least twice AccessLogFormat::kMaxLine.
    absl::Duration interval = absl::Milliseconds(100);
  };

  struct Stats {
    uint64_t lines = 0;  // Written.
    uint64_t dropped = 0;
    uint64_t errors = 0;
  };

  // Starts the thread. `clock` outlives it.
  explicit LogThread(const Clock& clock) : LogThread(clock, Options()) {}
  LogThread(const Clock& clock, Options options);
  // Writes what was logged, as far as files and pipes take it at once, and ends the thread. Workers
  // no longer write.
  ~LogThread();
  LogThread(const LogThread&) = delete;
  LogThread& operator=(const LogThread&) = delete;

  // The log of that path, opened if nobody else holds it. Never fails: a file that cannot be opened
  // is tried again and again, and Problems() tells. Any thread.
  std::shared_ptr<const LogFile> Open(const std::string& path);

  // Lives as long as the log thread. Any thread.
  LogWriter& AddWriter();

  // After a rotation: closes all files and opens those that have their names now. Any thread.
  void ReopenFromAnyThread();

  // Returns once all that was logged before is written, or was tried to be. Any thread but a
  // worker.
  void Flush();

  // What is wrong with files now, one sentence each. Any thread.
  std::vector<std::string> Problems() const;
  Stats GetStats() const;

 private:
  using Outputs = absl::flat_hash_map<uint32_t, std::unique_ptr<LogOutput>>;

  void Run();
  void Wake();
  void Sleep(absl::Duration at_most);
  absl::Duration Pass(bool retry) ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<LogWriter*> TakeChanges() ABSL_LOCKS_EXCLUDED(mu_);
  size_t Drain(const std::vector<LogWriter*>& writers, int64_t now_ns);
  void WriteOut(int64_t now_ns, bool retry);
  void CloseUnused();
  void Publish() ABSL_LOCKS_EXCLUDED(mu_);
  void Finish();

  const Clock& clock_;
  const Options options_;
  const int wake_fd_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> reopen_{false};

  // Log thread only.
  Outputs outputs_;               // By id of the file.
  std::vector<uint32_t> unused_;  // Those to be closed.
  Stats closed_stats_;
  int64_t last_pass_ns_ = 0;

  mutable Mutex mu_;
  CondVar flushed_;
  uint64_t flushes_wanted_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t flushes_done_ ABSL_GUARDED_BY(mu_) = 0;
  uint32_t next_id_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::unique_ptr<LogWriter>> writers_ ABSL_GUARDED_BY(mu_);
  std::vector<std::shared_ptr<const LogFile>> files_ ABSL_GUARDED_BY(mu_);
  // As of the last pass.
  std::vector<std::string> problems_ ABSL_GUARDED_BY(mu_);
  Stats stats_ ABSL_GUARDED_BY(mu_);  // Without what rings dropped.

  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace sluice::observe
