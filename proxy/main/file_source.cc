#include "proxy/main/file_source.h"

#include <malloc.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <utility>

#include "api/resource/credentials.h"
#include "api/resource/digest.h"
#include "api/resource/files.h"
#include "api/resource/key.h"
#include "api/resource/secret_source.h"
#include "api/validate/configuration.h"
#include "base/log.h"

namespace sluice::main {
namespace {

// Editors write in several steps; a file is read when it has been quiet this long.
constexpr int64_t kSettleNs = 50'000'000;

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

FileSource::FileSource(event::Loop& loop, std::string path,
                       std::function<void(runtime::Change)> on_change,
                       std::function<void(const std::vector<resource::Problem>&)> on_problems)
    : loop_(loop),
      path_(std::move(path)),
      on_change_(std::move(on_change)),
      on_problems_(std::move(on_problems)),
      settle_timer_(loop.timers(), &event::Timer::Call<FileSource, &FileSource::OnSettled>, this) {}

FileSource::~FileSource() {
  if (inotify_.is_open()) loop_.Remove(inotify_.get());
}

bool FileSource::Start() {
  // Before reading, so that no change falls between the two.
  Watch();
  return Read();
}

void FileSource::Watch() {
  inotify_ = net::Fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  // The directory, because a file that is replaced by renaming is another file.
  const uint32_t mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE;
  if (!inotify_.is_open() ||
      inotify_add_watch(inotify_.get(), DirectoryOf(path_).c_str(), mask) < 0 ||
      !loop_.Add(inotify_.get(), *this, EPOLLIN).ok()) {
    LOG(WARNING) << path_ << ": cannot be watched; changes are not noticed";
  }
}

void FileSource::OnEvents(uint32_t) {
  char events[4096];
  while (read(inotify_.get(), events, sizeof(events)) > 0) {
  }
  settle_timer_.SetAt(loop_.now_ns() + kSettleNs);
}

void FileSource::OnSettled() {
  if (!is_paused_) Read();
}

void FileSource::Resume() {
  is_paused_ = false;
  Read();
}

bool FileSource::Read() {
  const bool is_good = Load();
  // The tree of a large file takes many times what is made of it.
  malloc_trim(0);
  return is_good;
}

bool FileSource::Load() {
  resource::ReadOptions options;
  options.resolve_secret = &resource::ReadSecret;
  resource::ReadResult read = resource::ReadPath(path_, options);
  const std::vector<resource::Problem> problems = validate::ValidateConfiguration(read);
  if (resource::HasError(problems)) {
    on_problems_(problems);
    return false;
  }
  runtime::Change change;
  change.is_full = true;
  std::string text;
  for (resource::SourcedResource& sourced : read.resources) {
    resource::HashCredentials(sourced.resource);
    runtime::Upsert upsert{resource::KeyOf(sourced.resource),
                           resource::Serialise(sourced.resource)};
    text += upsert.bytes;
    change.upserts.push_back(std::move(upsert));
  }
  if (generation_ > 0 && text == last_text_) return true;
  last_text_ = std::move(text);
  change.generation = ++generation_;
  on_change_(std::move(change));
  return true;
}

}  // namespace sluice::main
