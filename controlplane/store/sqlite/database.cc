#include "controlplane/store/sqlite/database.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace sluice::store {
namespace {

// A large apply leaves a large log; it is cut back to this afterwards.
constexpr char kSettings[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA journal_size_limit = 67108864;"
    "PRAGMA temp_store = MEMORY;"
    // What is replaced or removed may have been a secret.
    "PRAGMA secure_delete = ON;"
    "PRAGMA trusted_schema = OFF;";

// Another process may hold the file for a moment: a backup tool, sqlite3 on the command line.
constexpr int kBusyTimeoutMs = 5000;

absl::StatusCode CodeOf(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_INTERRUPT:
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                         const std::string& vfs) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                                   vfs.empty() ? nullptr : vfs.c_str());
  if (handle == nullptr) return absl::ResourceExhaustedError("out of memory");
  std::unique_ptr<Database> db(new Database(handle, path));
  RETURN_IF_ERROR(db->ToStatus(code));
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  RETURN_IF_ERROR(db->Execute(kSettings));
  return db;
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

absl::Status Database::Execute(const std::string& sql) {
  return ToStatus(sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr));
}

absl::Status Database::ToStatus(int code) const {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return absl::OkStatus();
  // The connection's own text is better than the code's, but is of its latest error only.
  const char* text =
      sqlite3_extended_errcode(handle_) == code ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  return absl::Status(CodeOf(code), absl::StrCat(path_, ": ", text, " (SQLite ", code, ")"));
}

sqlite3_stmt* Database::Prepared(const char* sql, int* code) {
  const auto it = statements_.find(sql);
  if (it != statements_.end()) return it->second;
  sqlite3_stmt* statement = nullptr;
  *code = sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (*code == SQLITE_OK) statements_.emplace(sql, statement);
  return statement;
}

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

bool Query::Next() {
  if (code_ != SQLITE_OK) return false;
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) Note(code);
  return code == SQLITE_ROW;
}

absl::Status Query::Run() {
  while (Next()) {
  }
  return status();
}

std::string Query::Text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr ? std::string()
                          : std::string(static_cast<const char*>(bytes), static_cast<size_t>(size));
}

void Query::Bind(int index, int64_t value) {
  if (statement_ != nullptr) Note(sqlite3_bind_int64(statement_, index, value));
}

void Query::Bind(int index, absl::string_view text) {
  if (statement_ == nullptr) return;
  // A null pointer would bind NULL instead of the empty text.
  Note(sqlite3_bind_text64(statement_, index, text.empty() ? "" : text.data(), text.size(),
                           SQLITE_STATIC, SQLITE_UTF8));
}

void Query::Bind(int index, Blob blob) {
  if (statement_ == nullptr) return;
  Note(sqlite3_bind_blob64(statement_, index, blob.bytes.empty() ? "" : blob.bytes.data(),
                           blob.bytes.size(), SQLITE_STATIC));
}

Transaction::Transaction(Database& db, Mode mode) : db_(db) {
  status_ = db.Execute(mode == Mode::kWrite ? "BEGIN IMMEDIATE" : "BEGIN");
}

Transaction::~Transaction() {
  // After some errors SQLite has rolled back by itself.
  if (sqlite3_get_autocommit(db_.handle_) == 0) db_.Execute("ROLLBACK").IgnoreError();
}

absl::Status Transaction::Commit() { return db_.Execute("COMMIT"); }

}  // namespace sluice::store
