// What holds for every text, for fuzz targets.
#pragma once

#include "api/resource/source.h"

namespace sluice::resource {

// Aborts, with the text that differs, unless each resource of a text without problems comes back
// from YAML and from JSON as it was. Validates what was read, whatever it is.
void ExpectRoundTrip(const ReadResult& read);

}  // namespace sluice::resource
