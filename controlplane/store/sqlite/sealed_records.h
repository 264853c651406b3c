// The records of a database that are sealed (controlplane/seal/sealer.h): serialised resources and
// ticket keys.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controlplane/seal/sealer.h"
#include "controlplane/store/sqlite/database.h"

namespace sluice::store {

// Reads the key file, or makes it if nothing has been sealed yet, and seals with its first key what
// is not: everything that an older build has written, or that was sealed with another key. After
// that nothing of it is left in the files of the database.
//   NOT_FOUND, FAILED_PRECONDITION, INVALID_ARGUMENT  the keys are missing, wrong or malformed
//   others                                            as Database
absl::StatusOr<std::unique_ptr<const seal::Sealer>> OpenSeal(Database& db,
                                                             const std::string& key_file);

std::string SealResource(const seal::Sealer& sealer, absl::string_view digest,
                         absl::string_view bytes);
// Errors: as Sealer::Open.
absl::StatusOr<std::string> OpenResource(const seal::Sealer& sealer, absl::string_view digest,
                                         absl::string_view sealed);

std::string SealTickets(const seal::Sealer& sealer, absl::string_view bytes);
absl::StatusOr<std::string> OpenTickets(const seal::Sealer& sealer, absl::string_view sealed);

}  // namespace sluice::store
