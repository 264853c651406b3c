// Layout of the file, numbers little-endian:
//     0  "SLUICEA1"
//     8  CRC-32C of bytes 16 to 503 (4), zeros (4)
//    16  1: a generation is on trial (1)
//    17  it: store id (16), epoch (8), number (8), view hash (32)
//    81  1: a generation is suspect (1)
//    82  it (64)
//   146  crashes of it (4)
//   150  1: a generation is condemned (1)
//   151  it (64)
//   215  build that condemned it (32)
//   247  kills for lack of memory when the process began (8)
//   255  boot id (40)
//   295  zeros
//   504  "c": crashed during the trial; written by the signal handler
#include "proxy/sync/activation_marker.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "base/version.h"
#include "proxy/sync/record.h"

namespace sluice::sync {
namespace {

constexpr absl::string_view kMagic = "SLUICEA1";
constexpr size_t kBegin = 16;
constexpr size_t kCrashMark = 504;
constexpr size_t kSize = 512;
constexpr size_t kBuildBytes = 32;
constexpr size_t kBootIdBytes = 40;
constexpr char kCrashed = 'c';

constexpr int kSignals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE};

// A signal handler reaches nothing but globals.
std::atomic<int> crash_fd{-1};

void OnCrash(int signal) {
  const int fd = crash_fd.load();
  if (fd >= 0) {
    [[maybe_unused]] const ssize_t written = pwrite(fd, &kCrashed, 1, kCrashMark);
  }
  // SA_RESETHAND has put the default action back: this ends the process as the fault would have.
  raise(signal);
}

void PutText(absl::string_view text, size_t bytes, std::string& out) {
  text = text.substr(0, bytes);
  out.append(text.data(), text.size());
  out.append(bytes - text.size(), '\0');
}

std::string TakeText(absl::string_view& from, size_t bytes) {
  absl::string_view text;
  TakeBytes(from, bytes, text);
  return std::string(text.substr(0, text.find('\0')));
}

void PutGeneration(const std::optional<Generation>& generation, std::string& out) {
  const Generation none;
  const Generation& value = generation.has_value() ? *generation : none;
  out.push_back(generation.has_value() ? 1 : 0);
  PutText(value.store_id, kStoreIdBytes, out);
  PutNumber(value.epoch, 8, out);
  PutNumber(value.number, 8, out);
  PutText(value.view_hash, kViewHashBytes, out);
}

std::optional<Generation> TakeGeneration(absl::string_view& from) {
  Generation generation;
  absl::string_view store_id;
  absl::string_view view_hash;
  uint64_t is_there = 0;
  TakeNumber(from, 1, is_there);
  TakeBytes(from, kStoreIdBytes, store_id);
  TakeNumber(from, 8, generation.epoch);
  TakeNumber(from, 8, generation.number);
  TakeBytes(from, kViewHashBytes, view_hash);
  generation.store_id = std::string(store_id);
  generation.view_hash = std::string(view_hash);
  return is_there == 1 ? std::optional<Generation>(generation) : std::nullopt;
}

// The file's bytes if they are whole.
std::optional<std::string> ReadFile(int fd) {
  std::string file(kSize, '\0');
  if (pread(fd, file.data(), kSize, 0) != static_cast<ssize_t>(kSize)) return std::nullopt;
  absl::string_view head = file;
  absl::string_view magic;
  uint64_t crc = 0;
  TakeBytes(head, kMagic.size(), magic);
  TakeNumber(head, 4, crc);
  const absl::string_view body = absl::string_view(file).substr(kBegin, kCrashMark - kBegin);
  if (magic != kMagic || ExtendCrc32c(0, body) != crc) return std::nullopt;
  return file;
}

}  // namespace

MachineState ReadMachineState() {
  MachineState machine;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> machine.boot_id;
  std::ifstream counters("/proc/vmstat");
  std::string name;
  std::string value;
  while (counters >> name >> value) {
    if (name == "oom_kill" && !absl::SimpleAtoi(value, &machine.oom_kills)) machine.oom_kills = 0;
  }
  return machine;
}

absl::StatusOr<std::unique_ptr<ActivationMarker>> ActivationMarker::Open(
    const StateDirectory& directory, const MachineState& machine) {
  absl::StatusOr<int> fd = directory.OpenFile("activation", O_RDWR | O_CREAT);
  if (!fd.ok()) return fd.status();
  std::unique_ptr<ActivationMarker> marker(new ActivationMarker(*fd, machine));
  marker->Judge();
  return marker;
}

ActivationMarker::~ActivationMarker() {
  if (records_crashes_) crash_fd.store(-1);
  close(fd_);
}

void ActivationMarker::Judge() {
  const std::optional<std::string> file = ReadFile(fd_);
  if (!file.has_value()) return;
  absl::string_view body = absl::string_view(*file).substr(kBegin, kCrashMark - kBegin);
  uint64_t crashes = 0;
  uint64_t oom_kills = 0;
  state_.trial = TakeGeneration(body);
  state_.suspect = TakeGeneration(body);
  TakeNumber(body, 4, crashes);
  state_.crashes = static_cast<uint32_t>(crashes);
  state_.condemned = TakeGeneration(body);
  // Another build may have mended what crashed that one.
  if (TakeText(body, kBuildBytes) != kVersion) state_.condemned.reset();
  TakeNumber(body, 8, oom_kills);
  const bool is_same_boot = TakeText(body, kBootIdBytes) == machine_.boot_id;
  const bool was_killed_for_memory = is_same_boot && machine_.oom_kills > oom_kills;
  if (!state_.trial.has_value()) return;
  if ((*file)[kCrashMark] != kCrashed && !was_killed_for_memory) return;
  NoteCrash();
  Write();
}

void ActivationMarker::NoteCrash() {
  if (!IsSuspect()) state_.crashes = 0;
  state_.suspect = std::exchange(state_.trial, std::nullopt);
  ++state_.crashes;
  LOG(WARNING) << "the proxy crashed within " << absl::ToInt64Seconds(kTrial) << " s of activating "
               << ToString(*state_.suspect) << ": crash " << state_.crashes << " of " << kCrashes;
  if (state_.crashes < kCrashes) return;
  state_.condemned = std::exchange(state_.suspect, std::nullopt);
  state_.crashes = 0;
}

bool ActivationMarker::IsSuspect() const {
  return state_.suspect.has_value() && state_.trial.has_value() &&
         state_.suspect->view_hash == state_.trial->view_hash;
}

void ActivationMarker::Begin(const Generation& generation) {
  state_.trial = generation;
  Write();
}

void ActivationMarker::End() {
  if (!state_.trial.has_value()) return;
  if (IsSuspect()) state_.suspect.reset();
  state_.trial.reset();
  Write();
}

void ActivationMarker::Write() {
  std::string body;
  PutGeneration(state_.trial, body);
  PutGeneration(state_.suspect, body);
  PutNumber(state_.crashes, 4, body);
  PutGeneration(state_.condemned, body);
  PutText(kVersion, kBuildBytes, body);
  PutNumber(machine_.oom_kills, 8, body);
  PutText(machine_.boot_id, kBootIdBytes, body);
  body.resize(kCrashMark - kBegin, '\0');
  std::string file(kMagic);
  PutNumber(ExtendCrc32c(0, body), 4, file);
  file.resize(kBegin, '\0');
  file += body;
  file.resize(kSize, '\0');
  if (pwrite(fd_, file.data(), file.size(), 0) != static_cast<ssize_t>(kSize)) {
    LOG(WARNING) << "cannot write the activation marker: " << std::strerror(errno);
  }
}

void ActivationMarker::Suspend() {
  if (records_crashes_) crash_fd.store(-1);
}

void ActivationMarker::Resume() {
  Write();
  if (records_crashes_) crash_fd.store(fd_);
}

void ActivationMarker::RecordCrashes() {
  crash_fd.store(fd_);
  records_crashes_ = true;
  struct sigaction action {};
  action.sa_handler = OnCrash;
  action.sa_flags = SA_RESETHAND | SA_NODEFER;
  for (int signal : kSignals) sigaction(signal, &action, nullptr);
}

}  // namespace sluice::sync
