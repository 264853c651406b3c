#include "base/line_pool.h"

#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <cstdlib>

#include "absl/base/config.h"
#include "absl/container/flat_hash_map.h"
#include "base/mutex.h"

namespace sluice {
namespace {

// MADV_COLLAPSE, since Linux 6.1: at once, not when the kernel has come round to it.
constexpr int kCollapse = 25;

constexpr size_t kChunkSize = size_t{2} << 20;
constexpr size_t kClasses = LinePool::kMaxPooled / LinePool::kLine;
#ifdef ABSL_HAVE_ADDRESS_SANITIZER
constexpr bool kIsPooling = false;
#else
constexpr bool kIsPooling = true;
#endif

size_t RoundedUp(size_t size) {
  return (size + LinePool::kLine - 1) / LinePool::kLine * LinePool::kLine;
}

void* FromHeap(size_t size) {
  void* memory = std::aligned_alloc(LinePool::kLine, size);
  if (memory == nullptr) std::abort();
  return memory;
}

class Pools {
 public:
  void* Allocate(size_t size) {
    MutexLock lock(mu_);
    Class& objects = classes_[size / LinePool::kLine - 1];
    if (objects.free != nullptr) {
      Freed* memory = objects.free;
      objects.free = memory->next;
      return memory;
    }
    if (objects.unused < size) AddChunk(objects);
    objects.unused -= size;
    if (objects.is_on_small_pages && objects.unused <= kChunkSize / 2) UseHugePage(objects);
    // From the end, so that what is left over of a chunk is at its beginning.
    return objects.chunk + objects.unused;
  }

  // False if the memory is none of these chunks'.
  bool Free(void* memory) {
    MutexLock lock(mu_);
    const auto chunk = owners_.find(reinterpret_cast<uintptr_t>(memory) / kChunkSize);
    if (chunk == owners_.end()) return false;
    chunk->second->free = new (memory) Freed{chunk->second->free};
    return true;
  }

 private:
  struct Freed {
    Freed* next;
  };
  struct Class {
    char* chunk = nullptr;
    size_t unused = 0;  // Bytes at the beginning of the chunk.
    Freed* free = nullptr;
    bool is_on_small_pages = false;  // The chunk.
  };

  void AddChunk(Class& objects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    // Twice the size holds a chunk that is aligned; the rest goes back.
    void* mapped =
        mmap(nullptr, 2 * kChunkSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) std::abort();
    char* const begin = static_cast<char*>(mapped);
    const size_t before =
        (kChunkSize - reinterpret_cast<uintptr_t>(begin) % kChunkSize) % kChunkSize;
    if (before > 0) munmap(begin, before);
    munmap(begin + before + kChunkSize, kChunkSize - before);
    objects.is_on_small_pages = objects.chunk == nullptr;
    objects.chunk = begin + before;
    // Advice: without huge pages everything works, slower.
    if (!objects.is_on_small_pages) madvise(objects.chunk, kChunkSize, MADV_HUGEPAGE);
    // Not the last line: compilers and libraries read short texts with wide masked loads, and such
    // a load that reaches into a page that is not there, though only with what is masked out, takes
    // the processor a hundred nanoseconds each time.
    objects.unused = kChunkSize - LinePool::kLine;
    owners_[reinterpret_cast<uintptr_t>(objects.chunk) / kChunkSize] = &objects;
  }

  static void UseHugePage(Class& objects) {
    madvise(objects.chunk, kChunkSize, MADV_HUGEPAGE);
    madvise(objects.chunk, kChunkSize, kCollapse);
    objects.is_on_small_pages = false;
  }

  Mutex mu_;
  std::array<Class, kClasses> classes_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<uintptr_t, Class*> owners_ ABSL_GUARDED_BY(mu_);  // By chunk.
};

// Never destroyed: objects with static lifetime may outlive anything else.
Pools& AllPools() {
  static Pools* const pools = new Pools();
  return *pools;
}

}  // namespace

void* LinePool::Allocate(size_t size) {
  size = RoundedUp(size == 0 ? 1 : size);
  return kIsPooling && size <= kMaxPooled ? AllPools().Allocate(size) : FromHeap(size);
}

void LinePool::Free(void* memory) {
  if (memory == nullptr) return;
  if (kIsPooling && AllPools().Free(memory)) return;
  std::free(memory);
}

}  // namespace sluice
