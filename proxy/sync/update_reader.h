// Reads the entries of an update: one stream of length-delimited UpdateEntry messages that comes in
// parts, cut anywhere.
//
// Thread: one.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proxy/sync/view.h"

namespace sluice::sync {

class UpdateReader {
 public:
  // The longest entry. Resources are far smaller; without a limit a wrong length would make us wait
  // for gigabytes.
  static constexpr size_t kMaxEntryBytes = 16 * 1024 * 1024;

  // Takes the next part and adds to `change` what is whole in it. INVALID_ARGUMENT if it is no
  // stream of entries of this build; the update is of no use then.
  absl::Status Append(absl::string_view part, ViewChange& change);

  // INVALID_ARGUMENT if the stream stops within an entry.
  absl::Status Finish() const;

 private:
  std::string rest_;  // The beginning of an entry that goes over into the next part.
};

}  // namespace sluice::sync
