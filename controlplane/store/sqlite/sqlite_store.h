// The Store of one control plane: a SQLite database in the data directory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "controlplane/seal/sealer.h"
#include "controlplane/store/sqlite/data_dir.h"
#include "controlplane/store/sqlite/database.h"
#include "controlplane/store/store.h"

namespace sluice::store {

// Resources are sealed: without the key the files tell names, times and who committed, no content.
// Write-ahead log, synchronised at every commit. Writing and reading the history go over two
// connections, so that neither waits for the other.
//
// Thread: any.
// A commit costs one synchronisation of the medium and about 10 µs for each resource.
class SqliteStore final : public Store {
 public:
  struct Options {
    // Commits to keep of each origin; the newest is always kept.
    uint64_t history_keep = 10'000;
    // Name of SQLite's file layer; empty for the system's.
    std::string vfs;
    // With the keys that seal resources; empty: "DATA_DIR.seal-key". It is made if nothing has been
    // sealed yet.
    std::string seal_key_file;
  };

  // Locks the directory, creating it and the database if need be, and migrates what an older build
  // has written.
  //   FAILED_PRECONDITION  another process uses the directory, or a newer build has written it
  //   others               as Database, and as OpenSeal()
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const std::string& data_dir,
                                                           Options options);

  absl::StatusOr<Content> Load() override;
  [[nodiscard]] absl::Status Commit(const Head& expected, const NewCommit& commit) override;
  [[nodiscard]] absl::Status RaiseEpoch(const Head& expected, uint64_t epoch) override;
  absl::StatusOr<std::vector<ProxyNote>> ProxyNotes() override;
  [[nodiscard]] absl::Status WriteProxyNotes(const std::vector<ProxyNote>& notes) override;
  absl::StatusOr<std::vector<CommitRecord>> History(const HistoryQuery& query) override;
  absl::StatusOr<ChangeSet> Changes(uint64_t from, uint64_t to) override;

 private:
  SqliteStore(Options options, std::unique_ptr<DataDir> dir, std::unique_ptr<Database> writer,
              std::unique_ptr<Database> reader, std::unique_ptr<const seal::Sealer> sealer);

  // Set at construction.
  const Options options_;
  const std::unique_ptr<DataDir> dir_;
  const std::unique_ptr<const seal::Sealer> sealer_;

  Mutex writer_mu_;
  const std::unique_ptr<Database> writer_ ABSL_PT_GUARDED_BY(writer_mu_);

  Mutex reader_mu_;
  const std::unique_ptr<Database> reader_ ABSL_PT_GUARDED_BY(reader_mu_);
};

}  // namespace sluice::store
