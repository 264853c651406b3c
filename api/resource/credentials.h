// Credentials of consumers: kept as SHA-256 from the moment they come in.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace sluice::v1 {
class Resource;
}  // namespace sluice::v1

namespace sluice::resource {

// "sha256:" and 64 lower-case hexadecimal digits.
std::string HashCredential(absl::string_view credential);

// Whether the text is such a hash already; its digits may be of either case.
bool IsHashedCredential(absl::string_view text);

// Replaces every credential (option `credential`) by its hash; a hash is kept, in lower case, and
// an empty field is left empty. Called before a resource is stored, compared or shown: afterwards
// nothing in it is secret.
void HashCredentials(v1::Resource& resource);

}  // namespace sluice::resource
