// What the commands take from the command line and from files.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/resource/key.h"
#include "api/resource/source.h"

namespace sluice::sluicectl {

class Client;

// Reads the credentials that stand elsewhere ({from_env: X}, {from_file: P}): only here are the
// operator's environment and files.
resource::ReadOptions ReadingHere();

// The resources of files and folders; "-" is standard input. A usage error if there are no paths.
// Problems of reading stay in the result.
absl::StatusOr<resource::ReadResult> ReadFiles(const std::vector<std::string>& paths);

// All that is wrong with what could not be read without problems: also what validation finds, so
// that one call shows everything. What the files refer to may stand on the server, if it answers.
std::vector<resource::Problem> AllProblems(const resource::ReadResult& read, Client& client);

// A usage error that says which kind was probably meant.
absl::StatusOr<resource::Kind> ReadKind(absl::string_view text);

absl::StatusOr<uint64_t> ReadGeneration(absl::string_view text);

// "ann@workstation", for the history.
std::string Author();

}  // namespace sluice::sluicectl
