// Tables:
//   head             one row: where the store stands; of commits of resources and of all others,
//                    how many are kept and up to which generation they were trimmed
//   blob             sealed serialised resources by digest of what is in them; those of `resource`,
//   and of `change.before` resource         the present content commits, change  the history: of
//   each change both digests, so that the content of an earlier
//                    generation is the present one with the later changes undone, at the cost of
//                    what has changed since. `after` is always the `before` of the key's next
//                    change or the present content, so a blob is kept by `before` and `resource`
//                    alone.
//   endpoint, endpoint_change  the same for registered endpoints, which need no blobs: weights, and
//                    what resource::EncodeTraits() gives
//   proxy_note       what is remembered of proxies; beside all of the above
//   ticket_keys      at most one row: those of now, sealed; no history
//   seal             sealed with the key that has sealed everything (sealed_records.h); no row:
//                    nothing is sealed
#include "controlplane/store/sqlite/schema.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace sluice::store {
namespace {

// Databases of earlier ones were never sealed.
constexpr size_t kFirstSealedSchema = 3;

constexpr char kTables[] = R"sql(
CREATE TABLE head (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  store_id BLOB NOT NULL,
  epoch INTEGER NOT NULL,
  number INTEGER NOT NULL,
  configuration INTEGER NOT NULL,
  kept_configuration INTEGER NOT NULL,
  trimmed_configuration INTEGER NOT NULL,
  kept_endpoints INTEGER NOT NULL,
  trimmed_endpoints INTEGER NOT NULL
);
CREATE TABLE blob (
  digest BLOB PRIMARY KEY,
  bytes BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE resource (
  kind TEXT NOT NULL,
  ns TEXT NOT NULL,
  name TEXT NOT NULL,
  digest BLOB NOT NULL,
  changed_in INTEGER NOT NULL,
  PRIMARY KEY (kind, ns, name)
) WITHOUT ROWID;
CREATE TABLE endpoint (
  upstream TEXT NOT NULL,
  owner TEXT NOT NULL,
  address TEXT NOT NULL,
  weight INTEGER NOT NULL,
  ttl_ns INTEGER NOT NULL,
  PRIMARY KEY (upstream, owner, address)
) WITHOUT ROWID;
CREATE TABLE commits (
  number INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL,
  time_ns INTEGER NOT NULL,
  author TEXT NOT NULL,
  caller TEXT NOT NULL,
  message TEXT NOT NULL,
  origin INTEGER NOT NULL,
  rollback_of INTEGER NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  deleted INTEGER NOT NULL
);
CREATE INDEX commits_of_origin ON commits (origin, number);
CREATE TABLE change (
  generation INTEGER NOT NULL,
  kind TEXT NOT NULL,
  ns TEXT NOT NULL,
  name TEXT NOT NULL,
  before BLOB,
  before_changed_in INTEGER NOT NULL,
  after BLOB,
  PRIMARY KEY (generation, kind, ns, name)
) WITHOUT ROWID;
CREATE INDEX change_before ON change (before) WHERE before IS NOT NULL;
CREATE TABLE endpoint_change (
  generation INTEGER NOT NULL,
  upstream TEXT NOT NULL,
  owner TEXT NOT NULL,
  address TEXT NOT NULL,
  before_weight INTEGER,
  after_weight INTEGER,
  PRIMARY KEY (generation, upstream, owner, address)
) WITHOUT ROWID;
)sql";

absl::Status CreateTables(Database& db) {
  RETURN_IF_ERROR(db.Execute(kTables));
  std::string store_id(16, '\0');
  if (getrandom(store_id.data(), store_id.size(), 0) != static_cast<ssize_t>(store_id.size())) {
    return absl::ErrnoToStatus(errno, "getrandom");
  }
  Query head(db, "INSERT INTO head VALUES (1, ?, 1, 0, 0, 0, 0, 0, 0)", Blob{store_id});
  return head.Run();
}

absl::Status AddProxyNotes(Database& db) {
  return db.Execute(
      "CREATE TABLE proxy_note (node TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID");
}

absl::Status AddSeal(Database& db) {
  return db.Execute(
      "CREATE TABLE seal (id INTEGER PRIMARY KEY CHECK (id = 1), proof BLOB NOT NULL)");
}

absl::Status AddTicketKeys(Database& db) {
  return db.Execute(
      "CREATE TABLE ticket_keys (id INTEGER PRIMARY KEY CHECK (id = 1), "
      "changed_in INTEGER NOT NULL, bytes BLOB NOT NULL)");
}

absl::Status AddEndpointTraits(Database& db) {
  return db.Execute(
      "ALTER TABLE endpoint ADD COLUMN traits BLOB NOT NULL DEFAULT x'';"
      "ALTER TABLE endpoint_change ADD COLUMN before_traits BLOB NOT NULL DEFAULT x'';"
      "ALTER TABLE endpoint_change ADD COLUMN after_traits BLOB NOT NULL DEFAULT x''");
}

absl::Status Sync(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, path);
  const int failed = fsync(fd) != 0 ? errno : 0;
  close(fd);
  return failed == 0 ? absl::OkStatus() : absl::ErrnoToStatus(failed, path);
}

std::string CopyPath(const std::string& path, size_t schema) {
  return absl::StrCat(path, ".schema-", schema);
}

// A copy is what it was copied from.
void WarnOfUnsealedCopies(const std::string& path) {
  for (size_t schema = 1; schema < kFirstSealedSchema; ++schema) {
    const std::string copy = CopyPath(path, schema);
    if (access(copy.c_str(), F_OK) != 0) continue;
    LOG(WARNING)
        << copy << " was written by a build that sealed nothing: private keys and "
        << "credentials can be read in it; remove it unless you will go back to that build";
  }
}

// Whole or not at all: the name appears only once the bytes are on the medium.
absl::Status Copy(Database& db, const std::string& path, const std::string& copy) {
  const std::string unfinished = copy + ".unfinished";
  if (unlink(unfinished.c_str()) != 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, unfinished);
  }
  Query vacuum(db, "VACUUM INTO ?", unfinished);
  RETURN_IF_ERROR(vacuum.Run());
  RETURN_IF_ERROR(Sync(unfinished, O_RDONLY));
  if (rename(unfinished.c_str(), copy.c_str()) != 0) return absl::ErrnoToStatus(errno, copy);
  return Sync(path.substr(0, path.rfind('/')), O_RDONLY | O_DIRECTORY);
}

}  // namespace

const std::vector<Migration>& Migrations() {
  static const auto* const migrations = new std::vector<Migration>{
      CreateTables, AddProxyNotes, AddSeal, AddTicketKeys, AddEndpointTraits};
  return *migrations;
}

absl::Status Migrate(Database& db, const std::string& path,
                     const std::vector<Migration>& migrations) {
  Query version(db, "PRAGMA user_version");
  size_t taken = version.Next() ? static_cast<size_t>(version.Uint(0)) : 0;
  RETURN_IF_ERROR(version.Run());
  if (taken > migrations.size()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": written by a newer sluice-controlplane (schema ", taken,
                     "; this one knows up to ", migrations.size(),
                     "): run that one, or restore the copy that it made, ", path, ".schema-N"));
  }
  if (taken > 0 && taken < migrations.size()) {
    const std::string copy = CopyPath(path, taken);
    RETURN_IF_ERROR(Copy(db, path, copy));
    LOG(INFO) << "migrating " << path << " from schema " << taken << " to " << migrations.size()
              << "; copied to " << copy;
  }
  for (; taken < migrations.size(); ++taken) {
    Transaction transaction(db, Transaction::Mode::kWrite);
    RETURN_IF_ERROR(transaction.status());
    RETURN_IF_ERROR(migrations[taken](db));
    RETURN_IF_ERROR(db.Execute(absl::StrCat("PRAGMA user_version = ", taken + 1)));
    RETURN_IF_ERROR(transaction.Commit());
  }
  WarnOfUnsealedCopies(path);
  return absl::OkStatus();
}

}  // namespace sluice::store
