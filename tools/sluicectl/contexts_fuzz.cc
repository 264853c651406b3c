// Any bytes as a context file: never a crash, and what is accepted is whole.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tools/sluicectl/connection.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = sluice::sluicectl::ParseContexts("/home/x/contexts.yaml", text);
  if (!file.ok()) return 0;
  if (!file->current.empty() && file->Find(file->current) == nullptr) std::abort();
  for (const sluice::sluicectl::Context& context : file->contexts) {
    if (context.name.empty() || context.connection.server.empty()) std::abort();
  }
  return 0;
}
