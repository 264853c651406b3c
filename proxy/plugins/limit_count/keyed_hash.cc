#include "proxy/plugins/limit_count/keyed_hash.h"

#include <sys/random.h>

#include <cstdlib>

namespace sluice::plugins {

HashKey HashKey::Random() {
  HashKey key;
  // Sixteen bytes come whole once the system has booted; without them there is no safe way on.
  if (getrandom(&key, sizeof(key), 0) != sizeof(key)) std::abort();
  return key;
}

}  // namespace sluice::plugins
