// The file with the keys that seal what is on disk: a line each, 64 hexadecimal digits; the first
// seals, all open. Empty lines, and those that begin with "#", mean nothing.
//
// To change the key, put a new line in front and start anew: everything is sealed with it, and then
// the old line may go.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controlplane/seal/sealer.h"

namespace sluice::seal {

// No message holds any of the text.
//   INVALID_ARGUMENT  which line is wrong, and what would be right
absl::StatusOr<std::vector<std::string>> ParseKeys(absl::string_view text);

// Messages name the file.
//   NOT_FOUND         there is no such file
//   INVALID_ARGUMENT  anybody may read it, or as ParseKeys()
//   others            as the system says
absl::StatusOr<std::unique_ptr<const Sealer>> ReadKeyFile(const std::string& path);

// With one new key, for its owner only, on the medium when it returns.
[[nodiscard]] absl::Status CreateKeyFile(const std::string& path);

}  // namespace sluice::seal
