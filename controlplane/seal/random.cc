#include "controlplane/seal/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace sluice::seal {

std::string RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  for (size_t got = 0; got < size;) {
    const ssize_t more = getrandom(bytes.data() + got, size - got, 0);
    if (more > 0) got += static_cast<size_t>(more);
    // Without random numbers nothing that follows would be secret.
    if (more < 0 && errno != EINTR) std::abort();
  }
  return bytes;
}

}  // namespace sluice::seal
