// Rules on names and values: authorities, lengths, lists.
#include "proxy/http/rules.h"

#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::http;  // NOLINT: a fuzz target.
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  // What is taken for an authority holds nothing that could end a header or a host.
  if (IsValidAuthority(input)) {
    for (const char c : input) {
      if (c <= ' ' || c == '/' || c == '@' || c == '?' || c == '#' || c == ',') std::abort();
    }
  }
  if (const auto length = ParseContentLength(input)) {
    if (std::to_string(*length) != std::string(input)) std::abort();
  }
  size_t elements = 0;
  ForEachListElement(input, [&elements](absl::string_view element) {
    if (!element.empty() && (element.front() == ' ' || element.back() == '\t')) std::abort();
    ++elements;
  });
  if (elements == 0) std::abort();
  return 0;
}
