// Texts that stand elsewhere: {from_file: PATH} and {from_env: NAME}.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "api/resource/source.h"

namespace sluice::resource {

// Reads it from this process's environment or the file system, without white space at its end. For
// programs that run where the operator's files are: sluicectl, and a proxy that serves a file.
// NOT_FOUND if there is none, INVALID_ARGUMENT if it is empty or larger than 4MiB.
absl::StatusOr<std::string> ReadSecret(const SecretSource& source);

}  // namespace sluice::resource
