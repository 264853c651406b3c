// A journal of any bytes is read without a crash, and what is kept of it reads the same again.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>

#include "proxy/sync/journal_loader.h"

namespace {

using sluice::sync::JournalLoader;
using sluice::sync::RecordReader;

// What a file of these bytes holds, sorted.
struct Held {
  uint64_t end = 0;
  std::optional<uint64_t> number;
  std::map<std::string, std::string> objects;

  friend bool operator==(const Held&, const Held&) = default;
};

Held HeldBy(const JournalLoader& loader) {
  Held held{loader.end(), std::nullopt, {}};
  if (loader.head().has_value()) held.number = loader.head()->generation.number;
  for (const auto& [key, object] : loader.objects()) held.objects[key] = object.content;
  return held;
}

class Replayed {
 public:
  explicit Replayed(absl::string_view bytes) : fd_(memfd_create("journal", MFD_CLOEXEC)) {
    if (write(fd_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
    RecordReader reader(fd_, 0);
    loader.Replay(reader);
  }
  ~Replayed() { close(fd_); }

  JournalLoader loader;

 private:
  const int fd_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  Replayed first(bytes);
  const Held held = HeldBy(first.loader);
  Replayed again(bytes.substr(0, held.end));
  if (HeldBy(again.loader) != held) std::abort();

  // One step back leaves what the bytes before that step hold.
  if (first.loader.StepBack()) {
    Replayed before(bytes.substr(0, first.loader.end()));
    if (HeldBy(before.loader).objects != HeldBy(first.loader).objects) std::abort();
  }
  return 0;
}
