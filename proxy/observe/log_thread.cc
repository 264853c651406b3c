// A pass: look which files there are; move every line from the rings to its file's text; write;
// publish numbers and close what nobody holds any more. A file is closed only after the rings were
// drained later than its last holder went, so no line of it is left.
#include "proxy/observe/log_thread.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "base/log.h"
#include "base/thread_name.h"

namespace sluice::observe {

namespace {

// Rings should be about this full when they are drained.
constexpr int64_t kPassBytes = 64 * 1024;
constexpr absl::Duration kShortestSleep = absl::Milliseconds(2);
// How long the end waits for pipes whose reader is slow.
constexpr absl::Duration kPatience = absl::Seconds(1);

void WakeFd(int fd) {
  const uint64_t one = 1;
  // It fails only if the counter is full, and then the reader is awake.
  [[maybe_unused]] const ssize_t written = write(fd, &one, sizeof(one));
}

// Handlers run on other threads, and a broken pipe is an error here and no signal.
std::thread StartWithoutSignals(absl::AnyInvocable<void()> run) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(run));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

bool LogWriter::Write(const AccessLogFormat& format, const AccessRecord& record,
                      const LogFile& file) {
  const size_t size = format.Format(record, line_);
  if (!ring_.Push(file.id, absl::string_view(line_, size))) return false;
  if (ring_.IsTimeToWake()) WakeFd(wake_fd_);
  return true;
}

LogThread::LogThread(const Clock& clock, Options options)
    : clock_(clock),
      options_(options),
      // Without one (no descriptors are left) the thread still looks at every interval.
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      last_pass_ns_(clock.MonotonicNanos()) {
  thread_ = StartWithoutSignals([this] {
    NameThisThread("log");
    Run();
  });
}

LogThread::~LogThread() {
  stop_.store(true, std::memory_order_release);
  Wake();
  thread_.join();
  if (wake_fd_ >= 0) close(wake_fd_);
}

void LogThread::Wake() { WakeFd(wake_fd_); }

std::shared_ptr<const LogFile> LogThread::Open(const std::string& path) {
  MutexLock lock(mu_);
  for (const std::shared_ptr<const LogFile>& file : files_) {
    if (file->path == path) return file;
  }
  files_.push_back(std::make_shared<const LogFile>(LogFile{next_id_++, path}));
  Wake();
  return files_.back();
}

LogWriter& LogThread::AddWriter() {
  MutexLock lock(mu_);
  writers_.push_back(std::unique_ptr<LogWriter>(new LogWriter(options_.ring_bytes, wake_fd_)));
  return *writers_.back();
}

void LogThread::ReopenFromAnyThread() {
  reopen_.store(true, std::memory_order_release);
  Wake();
}

void LogThread::Flush() {
  MutexLock lock(mu_);
  const uint64_t wanted = ++flushes_wanted_;
  Wake();
  while (flushes_done_ < wanted) flushed_.Wait(mu_);
}

std::vector<std::string> LogThread::Problems() const {
  MutexLock lock(mu_);
  return problems_;
}

LogThread::Stats LogThread::GetStats() const {
  MutexLock lock(mu_);
  Stats stats = stats_;
  for (const std::unique_ptr<LogWriter>& writer : writers_)
    stats.dropped += writer->ring_.dropped();
  return stats;
}

void LogThread::Run() {
  while (true) {
    const bool stop = stop_.load(std::memory_order_acquire);
    uint64_t wanted;
    bool retry;
    {
      MutexLock lock(mu_);
      wanted = flushes_wanted_;
      retry = stop || wanted > flushes_done_;
    }
    const absl::Duration sleep = Pass(retry);
    {
      MutexLock lock(mu_);
      flushes_done_ = wanted;
      flushed_.SignalAll();
    }
    if (stop) return Finish();
    Sleep(sleep);
  }
}

void LogThread::Sleep(absl::Duration at_most) {
  pollfd poll_fd = {wake_fd_, POLLIN, 0};
  if (poll(&poll_fd, 1, static_cast<int>(absl::ToInt64Milliseconds(at_most))) != 1) return;
  uint64_t count;
  [[maybe_unused]] const ssize_t ignored = read(wake_fd_, &count, sizeof(count));
}

// Returns how long the next pass may wait.
absl::Duration LogThread::Pass(bool retry) {
  const int64_t now_ns = clock_.MonotonicNanos();
  const std::vector<LogWriter*> writers = TakeChanges();
  // Before the rings: what is logged after the call for it belongs into the new files.
  if (reopen_.exchange(false, std::memory_order_acq_rel)) {
    for (auto& [id, output] : outputs_) output->Reopen(now_ns);
    retry = true;
  }
  const auto bytes = static_cast<int64_t>(Drain(writers, now_ns));
  WriteOut(now_ns, retry);
  CloseUnused();
  Publish();
  const int64_t elapsed_ns = std::max<int64_t>(now_ns - std::exchange(last_pass_ns_, now_ns), 1);
  const absl::Duration until_full =
      absl::Nanoseconds(elapsed_ns) *
      (static_cast<double>(kPassBytes) / static_cast<double>(std::max<int64_t>(bytes, 1)));
  return std::clamp(until_full, kShortestSleep, std::max(options_.interval, kShortestSleep));
}

std::vector<LogWriter*> LogThread::TakeChanges() {
  MutexLock lock(mu_);
  for (const std::shared_ptr<const LogFile>& file : files_) {
    std::unique_ptr<LogOutput>& output = outputs_[file->id];
    if (output == nullptr) output = std::make_unique<LogOutput>(file->path);
  }
  // Out of reach of Open() at once: who wants the path from now on gets a file of its own, and the
  // lines of this one's last holders are in the rings.
  std::erase_if(files_, [&](const std::shared_ptr<const LogFile>& file) {
    if (file.use_count() > 1) return false;
    unused_.push_back(file->id);
    return true;
  });
  std::vector<LogWriter*> writers;
  for (const std::unique_ptr<LogWriter>& writer : writers_) writers.push_back(writer.get());
  return writers;
}

// Returns the bytes of the fullest ring.
size_t LogThread::Drain(const std::vector<LogWriter*>& writers, int64_t now_ns) {
  size_t most = 0;
  for (LogWriter* writer : writers) {
    most = std::max(most, writer->ring_.Drain([&](uint32_t file, absl::string_view first,
                                                  absl::string_view second) {
      const auto it = outputs_.find(file);
      if (it != outputs_.end()) it->second->Append(first, second, now_ns);
    }));
  }
  return most;
}

void LogThread::WriteOut(int64_t now_ns, bool retry) {
  for (auto& [id, output] : outputs_) {
    const bool was_fine = output->status().ok();
    output->Flush(now_ns, retry);
    if (was_fine != output->status().ok()) {
      LOG(WARNING) << (was_fine ? output->status().message() : "an access log is written again");
    }
  }
}

void LogThread::CloseUnused() {
  std::erase_if(unused_, [&](uint32_t id) {
    LogOutput& output = *outputs_[id];
    if (output.is_waiting() && output.status().ok()) return false;  // A slow pipe.
    output.Abandon();
    closed_stats_.lines += output.lines();
    closed_stats_.dropped += output.dropped();
    closed_stats_.errors += output.errors();
    outputs_.erase(id);
    return true;
  });
}

void LogThread::Publish() {
  Stats stats = closed_stats_;
  std::vector<std::string> problems;
  for (const auto& [id, output] : outputs_) {
    stats.lines += output->lines();
    stats.dropped += output->dropped();
    stats.errors += output->errors();
    if (!output->status().ok()) problems.emplace_back(output->status().message());
  }
  MutexLock lock(mu_);
  stats_ = stats;
  problems_ = std::move(problems);
}

void LogThread::Finish() {
  const int64_t end_ns = clock_.MonotonicNanos() + absl::ToInt64Nanoseconds(kPatience);
  const auto is_slow = [](const auto& output) {
    return output.second->is_waiting() && output.second->status().ok();
  };
  while (std::any_of(outputs_.begin(), outputs_.end(), is_slow) &&
         clock_.MonotonicNanos() < end_ns) {
    Sleep(absl::Milliseconds(10));
    WriteOut(clock_.MonotonicNanos(), /*retry=*/true);
  }
  for (auto& [id, output] : outputs_) output->Abandon();
  Publish();
  const Stats stats = GetStats();
  if (stats.dropped > 0) {
    LOG(WARNING) << stats.dropped << " lines of access logs were lost";
  }
}

}  // namespace sluice::observe
