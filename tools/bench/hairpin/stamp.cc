#include "tools/bench/hairpin/stamp.h"

#include "absl/strings/str_cat.h"

namespace sluice::hairpin {

std::string StampedMessage(int64_t now, size_t bytes) {
  std::string message = absl::StrCat("@", absl::Hex(now, absl::kZeroPad16));
  if (message.size() < bytes) message.resize(bytes, '.');
  return message;
}

}  // namespace sluice::hairpin
