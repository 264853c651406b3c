#include "base/thread_name.h"

#include <pthread.h>

#include <string>

namespace sluice {

void NameThisThread(absl::string_view name) {
  // Longer names are refused; a thread without a name would be a pity, a failure nothing worse.
  pthread_setname_np(pthread_self(), std::string(name.substr(0, 15)).c_str());
}

}  // namespace sluice
