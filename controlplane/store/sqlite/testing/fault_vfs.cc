#include "controlplane/store/sqlite/testing/fault_vfs.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"

namespace sluice::store {

// The system's own file follows it in memory.
struct FaultVfs::File {
  sqlite3_file base;
  FaultVfs* vfs;
  Medium* medium;  // Null: not tracked (a temporary file).
  bool ignores_syncs;
  bool syncs_directory;  // At its first synchronisation.

  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  static File* Of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
};

namespace {

constexpr size_t kSector = 512;

// Deferred to the system's file: everything but writing, truncating and synchronising.
template <typename FileType, auto Method, typename... Args>
int Defer(sqlite3_file* file, Args... args) {
  sqlite3_file* real = FileType::Of(file)->real();
  return (real->pMethods->*Method)(real, args...);
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

void Overwrite(std::string& content, size_t offset, const std::string& bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
  content.replace(offset, bytes.size(), bytes);
}

}  // namespace

FaultVfs::FaultVfs(const std::string& name)
    : name_(name), system_(sqlite3_vfs_find(nullptr)), vfs_(*system_), methods_() {
  vfs_.pNext = nullptr;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + system_->szOsFile;
  vfs_.xOpen = &Open;
  vfs_.xDelete = &Delete;
  // Version 2: with shared memory for the log's index, without mapped reads.
  methods_.iVersion = 2;
  methods_.xClose = &Defer<File, &sqlite3_io_methods::xClose>;
  methods_.xRead = &Defer<File, &sqlite3_io_methods::xRead, void*, int, sqlite3_int64>;
  methods_.xWrite = &Write;
  methods_.xTruncate = &Truncate;
  methods_.xSync = &Sync;
  methods_.xFileSize = &Defer<File, &sqlite3_io_methods::xFileSize, sqlite3_int64*>;
  methods_.xLock = &Defer<File, &sqlite3_io_methods::xLock, int>;
  methods_.xUnlock = &Defer<File, &sqlite3_io_methods::xUnlock, int>;
  methods_.xCheckReservedLock = &Defer<File, &sqlite3_io_methods::xCheckReservedLock, int*>;
  methods_.xFileControl = &Defer<File, &sqlite3_io_methods::xFileControl, int, void*>;
  methods_.xSectorSize = [](sqlite3_file*) { return static_cast<int>(kSector); };
  // A write that is cut short leaves its neighbours alone; nothing else is promised.
  methods_.xDeviceCharacteristics = [](sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; };
  methods_.xShmMap = &Defer<File, &sqlite3_io_methods::xShmMap, int, int, int, void volatile**>;
  methods_.xShmLock = &Defer<File, &sqlite3_io_methods::xShmLock, int, int, int>;
  methods_.xShmBarrier = [](sqlite3_file* file) {
    sqlite3_file* real = File::Of(file)->real();
    real->pMethods->xShmBarrier(real);
  };
  methods_.xShmUnmap = &Defer<File, &sqlite3_io_methods::xShmUnmap, int>;
  sqlite3_vfs_register(&vfs_, 0);
}

FaultVfs::~FaultVfs() { sqlite3_vfs_unregister(&vfs_); }

void FaultVfs::FailOnce(uint64_t n, int code) {
  fail_at_ = n;
  fail_code_ = code;
}

void FaultVfs::IgnoreSyncsOf(const std::string& suffix) {
  ignores_syncs_ = true;
  ignored_suffix_ = suffix;
}

int FaultVfs::Count() {
  const uint64_t n = operations_++;
  if (n >= cut_at_) return SQLITE_IOERR;
  return n == fail_at_ ? fail_code_ : SQLITE_OK;
}

FaultVfs::Medium& FaultVfs::Track(const std::string& path, bool existed) {
  const auto it = media_.find(path);
  if (it == media_.end()) {
    return media_[path] = Medium{existed ? ReadFile(path) : "", existed, {}};
  }
  // It was deleted without synchronising the directory: what comes back is the old file or this.
  if (!existed) it->second.pending.push_back({true, 0, ""});
  return it->second;
}

int FaultVfs::Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out) {
  auto* self = static_cast<FaultVfs*>(vfs->pAppData);
  File* opened = File::Of(file);
  opened->base.pMethods = nullptr;
  const bool existed = path != nullptr && std::filesystem::exists(path);
  const bool makes_file = (flags & SQLITE_OPEN_CREATE) != 0 && !existed;
  if (makes_file && self->operations_ > self->cut_at_) return SQLITE_CANTOPEN;
  const int code = self->system_->xOpen(self->system_, path, opened->real(), flags, out);
  if (opened->real()->pMethods == nullptr) return code;
  opened->base.pMethods = &self->methods_;
  opened->vfs = self;
  opened->medium = path == nullptr ? nullptr : &self->Track(path, existed);
  opened->ignores_syncs =
      self->ignores_syncs_ && path != nullptr && absl::EndsWith(path, self->ignored_suffix_);
  // As SQLite's layer for Unix has it.
  constexpr int kJournals = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
  opened->syncs_directory = makes_file && (flags & kJournals) != 0;
  return code;
}

int FaultVfs::Delete(sqlite3_vfs* vfs, const char* path, int sync_directory) {
  auto* self = static_cast<FaultVfs*>(vfs->pAppData);
  const int code = self->Count();
  if (code != SQLITE_OK) return code;
  const int deleted = self->system_->xDelete(self->system_, path, 0);
  if (sync_directory != 0) self->SyncDirectory();
  return deleted;
}

int FaultVfs::Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  File* self = File::Of(file);
  const int code = self->vfs->Count();
  // A write that the power cut interrupts may still leave sectors behind.
  if (self->medium != nullptr && (code == SQLITE_OK || code == SQLITE_IOERR)) {
    self->medium->pending.push_back(
        {false, static_cast<size_t>(offset),
         std::string(static_cast<const char*>(bytes), static_cast<size_t>(size))});
  }
  if (code != SQLITE_OK) return code;
  return self->real()->pMethods->xWrite(self->real(), bytes, size, offset);
}

int FaultVfs::Truncate(sqlite3_file* file, sqlite3_int64 size) {
  File* self = File::Of(file);
  const int code = self->vfs->Count();
  if (code != SQLITE_OK) return code;
  if (self->medium != nullptr) {
    self->medium->pending.push_back({true, static_cast<size_t>(size), ""});
  }
  return self->real()->pMethods->xTruncate(self->real(), size);
}

int FaultVfs::Sync(sqlite3_file* file, int) {
  File* self = File::Of(file);
  const int code = self->vfs->Count();
  if (code != SQLITE_OK || self->medium == nullptr || self->ignores_syncs) return code;
  Medium& medium = *self->medium;
  std::mt19937 unused;
  medium.content = Survivor(medium, Loss::kNothing, unused);
  medium.pending.clear();
  if (self->syncs_directory) self->vfs->SyncDirectory();
  self->syncs_directory = false;
  return SQLITE_OK;  // The real medium does not matter, and is slow.
}

void FaultVfs::SyncDirectory() {
  for (auto it = media_.begin(); it != media_.end();) {
    it->second.has_entry = std::filesystem::exists(it->first);
    it = it->second.has_entry ? std::next(it) : media_.erase(it);
  }
}

std::string FaultVfs::Survivor(const Medium& medium, Loss loss, std::mt19937& random) {
  std::string content = medium.content;
  if (loss == Loss::kUnsynced) return content;
  for (const Operation& operation : medium.pending) {
    const bool keeps_all = loss == Loss::kNothing;
    if (operation.is_truncation) {
      if (keeps_all || random() % 2 == 0) content.resize(operation.offset);
      continue;
    }
    for (size_t at = 0; at < operation.bytes.size(); at += kSector) {
      if (keeps_all || random() % 2 == 0) {
        Overwrite(content, operation.offset + at, operation.bytes.substr(at, kSector));
      }
    }
  }
  return content;
}

void FaultVfs::RestorePower(Loss loss, uint32_t seed) {
  std::mt19937 random(seed);
  for (const auto& [path, medium] : media_) {
    const bool survives = medium.has_entry ||
                          (loss == Loss::kNothing && std::filesystem::exists(path)) ||
                          (loss == Loss::kSome && random() % 2 == 0);
    // What was deleted comes back unless the directory was synchronised, but for a mere kill.
    const bool is_deleted = loss == Loss::kNothing && !std::filesystem::exists(path);
    std::filesystem::remove(path);
    if (!survives || is_deleted) continue;
    std::ofstream(path, std::ios::binary) << Survivor(medium, loss, random);
  }
  media_.clear();
  operations_ = 0;
  cut_at_ = UINT64_MAX;
  fail_at_ = UINT64_MAX;
}

}  // namespace sluice::store
