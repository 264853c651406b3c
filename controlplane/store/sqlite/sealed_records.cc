// All that is sealed is sealed with one key, which sealed the one row of the table `seal`, too: a
// wrong key shows at once, and whether anything has to be sealed anew takes no walk.
#include "controlplane/store/sqlite/sealed_records.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "controlplane/seal/key_file.h"

namespace sluice::store {
namespace {

constexpr absl::string_view kProof = "proof";
constexpr absl::string_view kTickets = "ticket keys";

std::string NameOf(absl::string_view digest) { return absl::StrCat("resource ", digest); }

// What the row of `seal` holds; empty: nothing has been sealed.
absl::StatusOr<std::string> ReadProof(Database& db) {
  Query row(db, "SELECT proof FROM seal");
  std::string proof = row.Next() ? row.Text(0) : "";
  RETURN_IF_ERROR(row.status());
  return proof;
}

// `proof`: of what is stored; empty: nothing is sealed yet.
absl::StatusOr<std::unique_ptr<const seal::Sealer>> ReadKeys(const std::string& key_file,
                                                             absl::string_view proof) {
  auto sealer = seal::ReadKeyFile(key_file);
  if (sealer.ok() || !absl::IsNotFound(sealer.status())) return sealer;
  if (!proof.empty()) {
    return absl::NotFoundError(
        absl::StrCat(sealer.status().message(), ": what is stored is sealed with the key ",
                     seal::Sealer::KeyNameOf(proof),
                     "; put its file back, or say with --seal-key-file where it is"));
  }
  RETURN_IF_ERROR(seal::CreateKeyFile(key_file));
  LOG(INFO) << "made the key that seals what is stored: " << key_file
            << "; keep a copy, without it nothing stored can be read";
  return seal::ReadKeyFile(key_file);
}

// Whether the keys are those of what is stored; `opened`: what became of its proof.
absl::Status Judge(const absl::Status& opened, const std::string& key_file) {
  if (opened.ok()) return opened;
  return absl::Status(
      opened.code(),
      absl::StrCat("seal key file ", key_file, ": does not open what is stored: ", opened.message(),
                   absl::IsFailedPrecondition(opened)
                       ? "; add the line of that key behind what is there, or say with "
                         "--seal-key-file where it is"
                       : "; the data directory is damaged: restore a copy of it"));
}

absl::StatusOr<std::vector<std::string>> Digests(Database& db) {
  std::vector<std::string> digests;
  Query row(db, "SELECT digest FROM blob");
  while (row.Next()) digests.push_back(row.Text(0));
  RETURN_IF_ERROR(row.status());
  return digests;
}

// `is_sealed`: all records are; else none is.
absl::Status SealResources(Database& db, const seal::Sealer& sealer, bool is_sealed) {
  ASSIGN_OR_RETURN(const std::vector<std::string> digests, Digests(db));
  for (const std::string& digest : digests) {
    std::string bytes;
    {
      Query row(db, "SELECT bytes FROM blob WHERE digest = ?", Blob{digest});
      if (row.Next()) bytes = row.Text(0);
      RETURN_IF_ERROR(row.status());
    }
    if (is_sealed) {
      ASSIGN_OR_RETURN(bytes, OpenResource(sealer, digest, bytes));
    }
    const std::string sealed = SealResource(sealer, digest, bytes);
    Query write(db, "UPDATE blob SET bytes = ? WHERE digest = ?", Blob{sealed}, Blob{digest});
    RETURN_IF_ERROR(write.Run());
  }
  return absl::OkStatus();
}

// They are sealed, if there are any.
absl::Status SealTicketsAnew(Database& db, const seal::Sealer& sealer) {
  std::string sealed;
  {
    Query row(db, "SELECT bytes FROM ticket_keys");
    if (row.Next()) sealed = row.Text(0);
    RETURN_IF_ERROR(row.status());
  }
  if (sealed.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string bytes, OpenTickets(sealer, sealed));
  const std::string anew = SealTickets(sealer, bytes);
  Query write(db, "UPDATE ticket_keys SET bytes = ?", Blob{anew});
  return write.Run();
}

absl::Status SealAll(Database& db, const seal::Sealer& sealer, bool is_sealed) {
  Transaction transaction(db, Transaction::Mode::kWrite);
  RETURN_IF_ERROR(transaction.status());
  RETURN_IF_ERROR(SealResources(db, sealer, is_sealed));
  RETURN_IF_ERROR(SealTicketsAnew(db, sealer));
  const std::string proof = sealer.Seal("", kProof);
  Query write(db, "INSERT OR REPLACE INTO seal VALUES (1, ?)", Blob{proof});
  RETURN_IF_ERROR(write.Run());
  return transaction.Commit();
}

}  // namespace

absl::StatusOr<std::unique_ptr<const seal::Sealer>> OpenSeal(Database& db,
                                                             const std::string& key_file) {
  ASSIGN_OR_RETURN(const std::string proof, ReadProof(db));
  const bool is_sealed = !proof.empty();
  ASSIGN_OR_RETURN(std::unique_ptr<const seal::Sealer> sealer, ReadKeys(key_file, proof));
  if (is_sealed) RETURN_IF_ERROR(Judge(sealer->Open(proof, kProof).status(), key_file));
  if (!is_sealed || !sealer->IsCurrent(proof)) {
    RETURN_IF_ERROR(SealAll(db, *sealer, is_sealed));
    LOG(INFO) << "sealed what is stored with the key " << sealer->key_name()
              << (is_sealed ? "; copies from before need the key " + seal::Sealer::KeyNameOf(proof)
                            : "");
  }
  // The log may still hold pages from before, even if it was an earlier start that has sealed.
  // Somebody else who reads the database at this moment keeps it from being cut; the next start
  // will.
  RETURN_IF_ERROR(db.Execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  return sealer;
}

std::string SealResource(const seal::Sealer& sealer, absl::string_view digest,
                         absl::string_view bytes) {
  return sealer.Seal(bytes, NameOf(digest));
}

absl::StatusOr<std::string> OpenResource(const seal::Sealer& sealer, absl::string_view digest,
                                         absl::string_view sealed) {
  return sealer.Open(sealed, NameOf(digest));
}

std::string SealTickets(const seal::Sealer& sealer, absl::string_view bytes) {
  return sealer.Seal(bytes, kTickets);
}

absl::StatusOr<std::string> OpenTickets(const seal::Sealer& sealer, absl::string_view sealed) {
  return sealer.Open(sealed, kTickets);
}

}  // namespace sluice::store
