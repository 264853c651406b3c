// What is read as bytes or statuses is read back the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/validate/probe.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using sluice::validate::ParsePayload;
  using sluice::validate::ParseStatusRange;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto payload = ParsePayload(text);
  if (!absl::StartsWith(text, "hex:") && payload != std::string(text)) std::abort();
  if (payload && !payload->empty() &&
      ParsePayload(absl::StrCat("hex:", absl::BytesToHexString(*payload))) != payload) {
    std::abort();
  }
  if (const auto range = ParseStatusRange(text)) {
    if (range->first < 200 || range->last > 599 || range->first > range->last) std::abort();
    if (ParseStatusRange(absl::StrCat(range->first, "-", range->last)) != range) std::abort();
  }
  return 0;
}
