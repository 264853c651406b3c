// SQLite with statuses, prepared statements and scopes.
//
//   Query insert(db, "INSERT INTO blob VALUES (?, ?)", Blob{digest}, Blob{bytes});
//   RETURN_IF_ERROR(insert.Run());
//
//   Query rows(db, "SELECT name FROM resource WHERE kind = ?", kind);
//   while (rows.Next()) names.push_back(rows.Text(0));
//   RETURN_IF_ERROR(rows.status());
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::store {

// Bound as bytes instead of text.
struct Blob {
  absl::string_view bytes;
};

// One connection.
//
// Thread: any one at a time.
// Errors: UNAVAILABLE (input and output failed, locked by another process), RESOURCE_EXHAUSTED (the
//   disk is full, out of memory), DATA_LOSS (damaged, or no database), INTERNAL (our bug).
class Database {
 public:
  // Opens or creates the file, with write-ahead log and full synchronisation: a transaction is on
  // the medium when COMMIT returns. `vfs` names SQLite's file layer; empty for the system's.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        const std::string& vfs);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Statements without parameters and rows, separated by semicolons.
  [[nodiscard]] absl::Status Execute(const std::string& sql);

  // The status of a result code of this connection that is not an answer; OK for SQLITE_OK.
  absl::Status ToStatus(int code) const;

 private:
  friend class Query;
  friend class Transaction;

  Database(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}

  // The statement of that text, prepared once; null with `*code` set on failure.
  sqlite3_stmt* Prepared(const char* sql, int* code);

  sqlite3* const handle_;
  const std::string path_;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
};

// One run of a prepared statement. Two of the same text may not overlap in time.
// Lifetime: what is bound outlives the query.
class Query {
 public:
  template <typename... Args>
  Query(Database& db, const char* sql, const Args&... args) : db_(db) {
    statement_ = db.Prepared(sql, &code_);
    int index = 0;
    (Bind(++index, args), ...);
  }
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // Steps to the next row; false at the end and on an error.
  bool Next();

  // Runs a statement that gives no rows.
  [[nodiscard]] absl::Status Run();

  absl::Status status() const { return db_.ToStatus(code_); }

  // Of the row; columns count from 0. NULL reads as 0 and empty.
  int64_t Int(int column) const { return sqlite3_column_int64(statement_, column); }
  uint64_t Uint(int column) const { return static_cast<uint64_t>(Int(column)); }
  bool IsNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  // Text or bytes.
  std::string Text(int column) const;

 private:
  void Bind(int index, int64_t value);
  void Bind(int index, uint64_t value) { Bind(index, static_cast<int64_t>(value)); }
  void Bind(int index, uint32_t value) { Bind(index, static_cast<int64_t>(value)); }
  void Bind(int index, int value) { Bind(index, static_cast<int64_t>(value)); }
  // Unset is NULL.
  void Bind(int index, std::optional<uint32_t> value) {
    if (value.has_value()) Bind(index, *value);
  }
  void Bind(int index, absl::string_view text);
  void Bind(int index, const std::string& text) { Bind(index, absl::string_view(text)); }
  void Bind(int index, Blob blob);
  void Bind(int index, std::nullptr_t) {}  // Unbound parameters are NULL.
  void Note(int code) {
    if (code_ == SQLITE_OK) code_ = code;
  }

  Database& db_;
  sqlite3_stmt* statement_ = nullptr;
  int code_ = SQLITE_OK;
};

// Rolls back unless it was committed.
class Transaction {
 public:
  // One that writes takes the write lock at once; one that reads sees one moment throughout.
  enum class Mode { kRead, kWrite };
  Transaction(Database& db, Mode mode);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // Of its beginning.
  const absl::Status& status() const { return status_; }

  // On an error everything is rolled back.
  [[nodiscard]] absl::Status Commit();

 private:
  Database& db_;
  absl::Status status_;
};

}  // namespace sluice::store
