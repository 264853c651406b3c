// The first byte chooses what becomes of escaped slashes; the rest is the path.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/match.h"
#include "api/match/normalise.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::match;  // NOLINT(build/namespaces)
  if (size == 0) return 0;
  const auto slashes = static_cast<EscapedSlashes>(data[0] % 3);
  const std::string path(reinterpret_cast<const char*>(data) + 1, size - 1);

  std::string in_place = path;
  const NormalisedPath result = Normalise(in_place, slashes, in_place.data());
  // In a block of exactly its size, so that a write behind the end is seen.
  std::string buffer(path.size(), '\0');
  const NormalisedPath apart = Normalise(path, slashes, buffer.data());
  if (apart.error != result.error || apart.path != result.path) std::abort();
  if (!result.ok()) return 0;

  const std::string once(result.path);
  std::string again_buffer = once;
  const NormalisedPath again = Normalise(once, slashes, again_buffer.data());
  if (!again.ok() || again.path != once) std::abort();  // Not idempotent.
  if (once.empty() || once[0] != '/') std::abort();
  for (const char* never : {"//", "/./", "/../", "\\", "#", "?"}) {
    if (absl::StrContains(once, never)) std::abort();
  }
  if (absl::EndsWith(once, "/.") || absl::EndsWith(once, "/..")) std::abort();
  const bool has_escaped_slash = absl::StrContains(once, "%2F") || absl::StrContains(once, "%5C");
  if (has_escaped_slash && slashes != EscapedSlashes::kKeep) std::abort();
  return 0;
}
