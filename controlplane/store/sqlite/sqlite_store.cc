#include "controlplane/store/sqlite/sqlite_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "api/resource/digest.h"
#include "base/status_macros.h"
#include "controlplane/store/sqlite/change_log.h"
#include "controlplane/store/sqlite/schema.h"
#include "controlplane/store/sqlite/sealed_records.h"

namespace sluice::store {
namespace {

absl::StatusOr<Head> ReadHead(Database& db) {
  Query row(db, "SELECT store_id, epoch, number, configuration FROM head");
  if (!row.Next()) {
    RETURN_IF_ERROR(row.status());
    return absl::DataLossError("the database has no head");
  }
  return Head{{row.Text(0), row.Uint(1), row.Uint(2)}, row.Uint(3)};
}

absl::Status CheckHead(Database& db, const Head& expected) {
  ASSIGN_OR_RETURN(const Head head, ReadHead(db));
  if (head == expected) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the store is at generation ", head.generation.number,
                                         ", not at ", expected.generation.number));
}

absl::Status WriteResource(Database& db, const seal::Sealer& sealer, const ResourceChange& change) {
  const resource::Key& key = change.key();
  const absl::string_view kind = resource::KindName(key.kind);
  if (change.after == nullptr) {
    Query remove(db, "DELETE FROM resource WHERE kind = ? AND ns = ? AND name = ?", kind, key.ns,
                 key.name);
    return remove.Run();
  }
  const StoredResource& after = *change.after;
  // It may be there: a rollback brings old content back.
  const std::string sealed = SealResource(sealer, after.digest, after.bytes);
  Query blob(db, "INSERT OR IGNORE INTO blob VALUES (?, ?)", Blob{after.digest}, Blob{sealed});
  RETURN_IF_ERROR(blob.Run());
  Query write(db, "INSERT OR REPLACE INTO resource VALUES (?, ?, ?, ?, ?)", kind, key.ns, key.name,
              Blob{after.digest}, after.changed_in);
  return write.Run();
}

absl::Status WriteEndpoint(Database& db, const EndpointChange& change) {
  const StoredEndpoint& endpoint = change.any();
  if (change.after == nullptr) {
    Query remove(db, "DELETE FROM endpoint WHERE upstream = ? AND owner = ? AND address = ?",
                 endpoint.upstream, endpoint.owner, endpoint.address);
    return remove.Run();
  }
  const std::string traits = resource::EncodeTraits(endpoint.traits);
  Query write(db, "INSERT OR REPLACE INTO endpoint VALUES (?, ?, ?, ?, ?, ?)", endpoint.upstream,
              endpoint.owner, endpoint.address, endpoint.traits.weight,
              absl::ToInt64Nanoseconds(endpoint.ttl), Blob{traits});
  return write.Run();
}

absl::Status WriteTickets(Database& db, const seal::Sealer& sealer, const StoredTickets& tickets) {
  const std::string sealed = SealTickets(sealer, tickets.bytes);
  Query write(db, "INSERT OR REPLACE INTO ticket_keys VALUES (1, ?, ?)", tickets.changed_in,
              Blob{sealed});
  return write.Run();
}

absl::Status WriteHead(Database& db, const NewCommit& commit) {
  const uint64_t number = commit.record.generation.number;
  Query head(db, "UPDATE head SET number = ?1, configuration = iif(?2, ?1, configuration)", number,
             commit.resources.empty() ? 0 : 1);
  return head.Run();
}

absl::Status LoadResources(Database& db, const seal::Sealer& sealer, Content& content) {
  Query row(db,
            "SELECT kind, ns, name, r.digest, changed_in, bytes "
            "FROM resource r LEFT JOIN blob b ON b.digest = r.digest ORDER BY kind, ns, name");
  while (row.Next()) {
    auto stored = std::make_shared<StoredResource>();
    ASSIGN_OR_RETURN(stored->key, KeyFrom(row, 0));
    stored->digest = row.Text(3);
    stored->changed_in = row.Uint(4);
    RETURN_IF_ERROR(OpenInto(sealer, row.Text(5), *stored));
    content.resources.push_back(std::move(stored));
  }
  return row.status();
}

absl::Status LoadTickets(Database& db, const seal::Sealer& sealer, Content& content) {
  Query row(db, "SELECT changed_in, bytes FROM ticket_keys");
  if (!row.Next()) return row.status();
  absl::StatusOr<std::string> bytes = OpenTickets(sealer, row.Text(1));
  if (!bytes.ok()) {
    return absl::Status(bytes.status().code(),
                        absl::StrCat("ticket keys: ", bytes.status().message()));
  }
  content.tickets =
      std::make_shared<const StoredTickets>(StoredTickets{*std::move(bytes), row.Uint(0)});
  return absl::OkStatus();
}

// Beside the directory, so that a copy of that is without it.
std::string DefaultKeyFile(absl::string_view data_dir) {
  while (data_dir.size() > 1 && data_dir.back() == '/') data_dir.remove_suffix(1);
  return absl::StrCat(data_dir, ".seal-key");
}

absl::Status LoadEndpoints(Database& db, Content& content) {
  Query row(db,
            "SELECT upstream, owner, address, ttl_ns, weight, traits FROM endpoint "
            "ORDER BY upstream, owner, address");
  while (row.Next()) {
    ASSIGN_OR_RETURN(resource::EndpointTraits traits, TraitsFrom(row, 4, 5));
    content.endpoints.push_back(std::make_shared<const StoredEndpoint>(StoredEndpoint{
        row.Text(0), row.Text(1), row.Text(2), std::move(traits), absl::Nanoseconds(row.Int(3))}));
  }
  return row.status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const std::string& data_dir,
                                                               Options options) {
  ASSIGN_OR_RETURN(std::unique_ptr<DataDir> dir, DataDir::Lock(data_dir));
  const std::string path = data_dir + "/sluice.db";
  ASSIGN_OR_RETURN(std::unique_ptr<Database> writer, Database::Open(path, options.vfs));
  RETURN_IF_ERROR(Migrate(*writer, path, Migrations()));
  if (options.seal_key_file.empty()) options.seal_key_file = DefaultKeyFile(data_dir);
  ASSIGN_OR_RETURN(std::unique_ptr<const seal::Sealer> sealer,
                   OpenSeal(*writer, options.seal_key_file));
  ASSIGN_OR_RETURN(std::unique_ptr<Database> reader, Database::Open(path, options.vfs));
  return std::unique_ptr<SqliteStore>(new SqliteStore(
      std::move(options), std::move(dir), std::move(writer), std::move(reader), std::move(sealer)));
}

SqliteStore::SqliteStore(Options options, std::unique_ptr<DataDir> dir,
                         std::unique_ptr<Database> writer, std::unique_ptr<Database> reader,
                         std::unique_ptr<const seal::Sealer> sealer)
    : options_(std::move(options)),
      dir_(std::move(dir)),
      sealer_(std::move(sealer)),
      writer_(std::move(writer)),
      reader_(std::move(reader)) {}

absl::StatusOr<Content> SqliteStore::Load() {
  MutexLock lock(reader_mu_);
  Transaction transaction(*reader_, Transaction::Mode::kRead);
  RETURN_IF_ERROR(transaction.status());
  Content content;
  ASSIGN_OR_RETURN(content.head, ReadHead(*reader_));
  RETURN_IF_ERROR(LoadResources(*reader_, *sealer_, content));
  RETURN_IF_ERROR(LoadEndpoints(*reader_, content));
  RETURN_IF_ERROR(LoadTickets(*reader_, *sealer_, content));
  return content;
}

absl::Status SqliteStore::Commit(const Head& expected, const NewCommit& commit) {
  MutexLock lock(writer_mu_);
  Transaction transaction(*writer_, Transaction::Mode::kWrite);
  RETURN_IF_ERROR(transaction.status());
  RETURN_IF_ERROR(CheckHead(*writer_, expected));
  for (const ResourceChange& change : commit.resources) {
    RETURN_IF_ERROR(WriteResource(*writer_, *sealer_, change));
  }
  for (const EndpointChange& change : commit.endpoints) {
    RETURN_IF_ERROR(WriteEndpoint(*writer_, change));
  }
  if (commit.tickets != nullptr) {
    RETURN_IF_ERROR(WriteTickets(*writer_, *sealer_, *commit.tickets));
  }
  RETURN_IF_ERROR(WriteLog(*writer_, commit));
  RETURN_IF_ERROR(TrimLog(*writer_, commit.record.meta.origin, options_.history_keep));
  RETURN_IF_ERROR(WriteHead(*writer_, commit));
  return transaction.Commit();
}

absl::Status SqliteStore::RaiseEpoch(const Head& expected, uint64_t epoch) {
  MutexLock lock(writer_mu_);
  Transaction transaction(*writer_, Transaction::Mode::kWrite);
  RETURN_IF_ERROR(transaction.status());
  RETURN_IF_ERROR(CheckHead(*writer_, expected));
  Query head(*writer_, "UPDATE head SET epoch = ?", epoch);
  RETURN_IF_ERROR(head.Run());
  return transaction.Commit();
}

absl::StatusOr<std::vector<ProxyNote>> SqliteStore::ProxyNotes() {
  MutexLock lock(reader_mu_);
  std::vector<ProxyNote> notes;
  Query row(*reader_, "SELECT node, bytes FROM proxy_note ORDER BY node");
  while (row.Next()) notes.push_back({row.Text(0), row.Text(1)});
  RETURN_IF_ERROR(row.status());
  return notes;
}

absl::Status SqliteStore::WriteProxyNotes(const std::vector<ProxyNote>& notes) {
  MutexLock lock(writer_mu_);
  Transaction transaction(*writer_, Transaction::Mode::kWrite);
  RETURN_IF_ERROR(transaction.status());
  for (const ProxyNote& note : notes) {
    if (note.bytes.empty()) {
      Query remove(*writer_, "DELETE FROM proxy_note WHERE node = ?", note.node);
      RETURN_IF_ERROR(remove.Run());
    } else {
      Query write(*writer_, "INSERT OR REPLACE INTO proxy_note VALUES (?, ?)", note.node,
                  Blob{note.bytes});
      RETURN_IF_ERROR(write.Run());
    }
  }
  return transaction.Commit();
}

absl::StatusOr<std::vector<CommitRecord>> SqliteStore::History(const HistoryQuery& query) {
  MutexLock lock(reader_mu_);
  return ReadHistory(*reader_, query);
}

absl::StatusOr<ChangeSet> SqliteStore::Changes(uint64_t from, uint64_t to) {
  MutexLock lock(reader_mu_);
  Transaction transaction(*reader_, Transaction::Mode::kRead);
  RETURN_IF_ERROR(transaction.status());
  return ReadChanges(*reader_, *sealer_, from, to);
}

}  // namespace sluice::store
