// However a stream of entries is cut, it says the same; what is wrong is refused, never a crash.
//
// Input: a byte that says how large the parts are, then the stream.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "api/resource/digest.h"
#include "proxy/sync/update_reader.h"

namespace {

using sluice::sync::UpdateReader;
using sluice::sync::ViewChange;

// All that was read, as one text.
std::string Read(absl::string_view stream, size_t part) {
  UpdateReader reader;
  ViewChange change;
  bool is_good = true;
  while (!stream.empty() && is_good) {
    is_good = reader.Append(stream.substr(0, part), change).ok();
    stream.remove_prefix(std::min(part, stream.size()));
  }
  std::string all;
  for (const auto& upsert : change.upserts) all += upsert.key.ToString() + upsert.digest;
  for (const auto& key : change.removals) all += key.ToString();
  for (const auto& endpoint : change.endpoint_upserts) all += DigestOf(endpoint);
  for (const auto& endpoint : change.endpoint_removals) all += ObjectKeyOf(endpoint);
  for (const auto& tickets : change.ticket_upserts) all += DigestOf(tickets);
  for (const auto& tickets : change.ticket_removals) all += ObjectKeyOf(tickets);
  return all + (is_good && reader.Finish().ok() ? "whole" : "not whole");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (Read(stream, size_t{data[0]} + 1) != Read(stream, stream.size())) std::abort();
  return 0;
}
