// Any bytes as YAML: reading and validation never crash, every problem can be said, and what was
// read without a problem is written so that reading it again gives the same.
#include <cstdint>

#include "absl/strings/string_view.h"
#include "api/resource/testing/round_trip.h"
#include "api/resource/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  sluice::resource::ExpectRoundTrip(sluice::resource::ReadYaml(text));
  return 0;
}
