// Counts what each thread of a program takes from the heap.
//
//   LD_PRELOAD=libcount_allocations.so SLUICE_ALLOCATIONS=FILE program
//
// FILE then is an array of Slot (below), one a thread in the order of their first allocation, which
// a test maps and reads while the program runs. Without SLUICE_ALLOCATIONS nothing is counted.
//
// Stands in front of the C library's functions, operator new included, which ends there; sizes are
// those of the library's own chunks, so that what is counted is what is taken from the heap.

#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

// What the library's own functions are called underneath.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);
}

namespace {

// Written by one thread. harness/allocations.py reads it.
struct alignas(64) Slot {
  std::atomic<uint64_t> thread;       // As in /proc/PID/task.
  std::atomic<uint64_t> allocations;  // Calls that took memory; a reallocation is one.
  std::atomic<int64_t> live_bytes;    // Taken less given back by this thread, of whomever.
};

constexpr size_t kSlots = 512;
// Before each chunk the library keeps its size.
constexpr int64_t kChunkHeader = sizeof(size_t);

Slot* MapSlots() {
  const char* path = std::getenv("SLUICE_ALLOCATIONS");
  if (path == nullptr) return nullptr;
  const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, sizeof(Slot) * kSlots) != 0) std::abort();
  void* memory = mmap(nullptr, sizeof(Slot) * kSlots, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (memory == MAP_FAILED) std::abort();
  return static_cast<Slot*>(memory);
}

Slot* ThisThreadsSlot() {
  static std::atomic<Slot*> slots{nullptr};
  static std::atomic<uint32_t> taken{0};
  static Slot nowhere[1];
  // In the thread's own block from its start: other models would allocate when first used.
  static thread_local Slot* slot __attribute__((tls_model("initial-exec"))) = nullptr;
  if (slot != nullptr) return slot;
  // The first allocation comes before main(), when there is one thread.
  Slot* all = slots.load(std::memory_order_acquire);
  if (all == nullptr) {
    all = MapSlots();
    if (all == nullptr) all = nowhere;
    slots.store(all, std::memory_order_release);
  }
  const uint32_t index = taken.fetch_add(1, std::memory_order_relaxed);
  slot = all == nowhere || index >= kSlots ? nowhere : &all[index];
  slot->thread.store(static_cast<uint64_t>(syscall(SYS_gettid)), std::memory_order_relaxed);
  return slot;
}

void Add(int64_t bytes, uint64_t allocations) {
  Slot* slot = ThisThreadsSlot();
  slot->live_bytes.store(slot->live_bytes.load(std::memory_order_relaxed) + bytes,
                         std::memory_order_relaxed);
  slot->allocations.store(slot->allocations.load(std::memory_order_relaxed) + allocations,
                          std::memory_order_relaxed);
}

int64_t SizeOf(void* memory) {
  return static_cast<int64_t>(malloc_usable_size(memory)) + kChunkHeader;
}

void* Count(void* memory) {
  if (memory != nullptr) Add(SizeOf(memory), 1);
  return memory;
}

}  // namespace

extern "C" {

void* malloc(size_t bytes) { return Count(__libc_malloc(bytes)); }

void* calloc(size_t count, size_t bytes) { return Count(__libc_calloc(count, bytes)); }

void* realloc(void* memory, size_t bytes) {
  const int64_t before = memory == nullptr ? 0 : SizeOf(memory);
  void* moved = __libc_realloc(memory, bytes);
  if (moved != nullptr) {
    Add(SizeOf(moved) - before, 1);
  } else if (bytes == 0) {
    Add(-before, 0);
  }
  return moved;
}

void free(void* memory) {
  if (memory == nullptr) return;
  Add(-SizeOf(memory), 0);
  __libc_free(memory);
}

void* memalign(size_t alignment, size_t bytes) { return Count(__libc_memalign(alignment, bytes)); }

void* aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  *memory = memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}

}  // extern "C"
