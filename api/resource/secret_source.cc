#include "api/resource/secret_source.h"

#include <cstdlib>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace sluice::resource {
namespace {

// Nothing that is meant is longer, neither the authorities of the whole world nor the descriptors
// of a large API; a wrong path may lead to anything.
constexpr size_t kMostBytes = 4 << 20;

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  std::string text(kMostBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMostBytes) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is larger than 4MiB"));
  }
  // The newline that editors put at the end is no part of a key.
  absl::StripTrailingAsciiWhitespace(&text);
  if (text.empty()) return absl::InvalidArgumentError(absl::StrCat(path, " is empty"));
  return text;
}

}  // namespace

absl::StatusOr<std::string> ReadSecret(const SecretSource& source) {
  if (source.place == SecretSource::Place::kFile) return ReadFile(source.name);
  const char* value = std::getenv(source.name.c_str());
  if (value == nullptr || *value == '\0') {
    return absl::NotFoundError(absl::StrCat("environment variable ", source.name, " is not set"));
  }
  return std::string(value);
}

}  // namespace sluice::resource
