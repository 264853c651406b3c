// The tables, as numbered steps: a database says in `user_version` how many of them it has taken.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/store/sqlite/database.h"

namespace sluice::store {

// One step; runs within a transaction.
using Migration = std::function<absl::Status(Database&)>;

// Step n makes schema n of schema n - 1. Steps of a release are never changed.
const std::vector<Migration>& Migrations();

// Takes the steps that `db` (the file at `path`) has not taken. If it holds data, the file is
// copied first, to `path`.schema-N; to go back, stop the program and put the copy in its place.
//   FAILED_PRECONDITION  a newer build has written it; nothing was touched
// After an error the database is as before, or a whole number of steps further.
[[nodiscard]] absl::Status Migrate(Database& db, const std::string& path,
                                   const std::vector<Migration>& migrations);

}  // namespace sluice::store
