// A file layer for SQLite that loses power, or fails, at a chosen operation.
//
//   FaultVfs vfs("fault");                        // Named in SqliteStore::Options.
//   vfs.CutPowerAt(17);                           // Operation 17 and all later ones fail.
//   ... use a store until it fails, close it ...
//   vfs.RestorePower(FaultVfs::Loss::kUnsynced);  // The files are as the medium kept them.
//
// It passes everything on to the system's layer and remembers, for each file, what has been
// synchronised and what has been written since: a real kill cannot lose the latter, a power cut
// can.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace sluice::store {

// Thread: any one at a time.
// Lifetime: outlives every connection that uses it.
class FaultVfs {
 public:
  // What became of writes, truncations, new files and deletions that were not synchronised.
  enum class Loss {
    kUnsynced,  // None reached the medium.
    kSome,      // Each sector of 512 bytes did or did not, in any order.
    kNothing,   // All did: what a killed process leaves behind.
  };

  explicit FaultVfs(const std::string& name);
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  const std::string& name() const { return name_; }

  // Writes, synchronisations, truncations and deletions so far.
  uint64_t operations() const { return operations_; }

  // Operation `n`, counted from 0, and all later ones fail.
  void CutPowerAt(uint64_t n) { cut_at_ = n; }

  // Operation `n` alone fails, with an SQLite result code.
  void FailOnce(uint64_t n, int code);

  // Says that files whose name ends in `suffix` are synchronised and does nothing: "" is what
  // `PRAGMA synchronous = OFF` comes to, "-wal" what NORMAL does.
  void IgnoreSyncsOf(const std::string& suffix);

  // All files are closed. Leaves in them what the medium holds; operations succeed again.
  void RestorePower(Loss loss, uint32_t seed = 0);

 private:
  struct Operation {
    bool is_truncation;
    size_t offset;  // Of a truncation: the new size.
    std::string bytes;
  };
  struct Medium {
    std::string content;  // As of the last synchronisation.
    bool has_entry;       // The directory's entry for it is on the medium.
    std::vector<Operation> pending;
  };
  struct File;  // What SQLite holds.

  // The result code that the next operation is to have.
  int Count();
  Medium& Track(const std::string& path, bool existed);
  // Files that were made or deleted stay so. (A single directory is enough here.)
  void SyncDirectory();
  static std::string Survivor(const Medium& medium, Loss loss, std::mt19937& random);

  static int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out);
  static int Delete(sqlite3_vfs* vfs, const char* path, int sync_directory);
  static int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset);
  static int Truncate(sqlite3_file* file, sqlite3_int64 size);
  static int Sync(sqlite3_file* file, int flags);

  const std::string name_;
  sqlite3_vfs* const system_;
  sqlite3_vfs vfs_;
  sqlite3_io_methods methods_;

  std::map<std::string, Medium> media_;  // By path.
  uint64_t operations_ = 0;
  uint64_t cut_at_ = UINT64_MAX;
  uint64_t fail_at_ = UINT64_MAX;
  int fail_code_ = SQLITE_OK;
  bool ignores_syncs_ = false;
  std::string ignored_suffix_;
};

}  // namespace sluice::store
