// Any bytes as JSON; see yaml_fuzz.cc.
#include <cstdint>

#include "absl/strings/string_view.h"
#include "api/resource/json.h"
#include "api/resource/testing/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  sluice::resource::ExpectRoundTrip(sluice::resource::ReadJson(text));
  return 0;
}
