// A tree of two levels, 32 groups of 32 buckets, of which copies share nodes until one changes
// them.
//
// One flat hash over 1024 bucket hashes would be 32 KiB to hash after every change, and a control
// plane does it for every view that a commit touches; two levels make it 2 KiB. Buckets are sorted
// vectors: at 100,000 objects one holds about 100, and hashing it costs more than moving it.
#include "api/resource/view_hash.h"

#include <nettle/sha2.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "api/resource/digest.h"

namespace sluice::resource {
namespace {

using Id = std::array<uint8_t, 16>;

Id IdOf(absl::string_view object_key) {
  const std::string sum = Sha256(object_key);
  Id id;
  std::memcpy(id.data(), sum.data(), id.size());
  return id;
}

size_t BucketOf(const Id& id) { return (size_t{id[0]} << 2) | (id[1] >> 6); }

// Whether nobody else can reach what `pointer` owns. The fence orders our writes after the reads
// that a former sharer made on its thread before it let go.
template <typename T>
bool IsOnlyOwner(const std::shared_ptr<T>& pointer) {
  if (pointer.use_count() != 1) return false;
  std::atomic_thread_fence(std::memory_order_acquire);
  return true;
}

template <typename T>
T& Owned(std::shared_ptr<T>& pointer) {
  if (pointer == nullptr) {
    pointer = std::make_shared<T>();
  } else if (!IsOnlyOwner(pointer)) {
    pointer = std::make_shared<T>(*pointer);
  }
  return *pointer;
}

std::array<uint8_t, 32> Sha256Array(const void* bytes, size_t size) {
  std::array<uint8_t, 32> sum;
  sha256_ctx context;
  sha256_init(&context);
  sha256_update(&context, size, static_cast<const uint8_t*>(bytes));
  sha256_digest(&context, sum.size(), sum.data());
  return sum;
}

}  // namespace

struct ViewHash::Bucket {
  // Exactly the bytes that are hashed for an object.
  struct Entry {
    Id id;
    Sum digest;
  };
  static_assert(sizeof(Entry) == 48);

  std::vector<Entry>::iterator Position(const Id& id) {
    return std::lower_bound(entries.begin(), entries.end(), id,
                            [](const Entry& entry, const Id& wanted) { return entry.id < wanted; });
  }

  std::vector<Entry> entries;  // By ascending id.
};

struct ViewHash::Group {
  std::array<std::shared_ptr<Bucket>, kFanOut> buckets;  // Null: empty.
  std::array<Sum, kFanOut> sums{};                       // Hash of each bucket.
  Sum sum{};                                             // Hash of the group.
};

ViewHash::ViewHash() {
  const std::array<Sum, kFanOut> empty{};
  hash_ = Sha256Array(empty.data(), sizeof(empty));
}
ViewHash::ViewHash(const ViewHash& other) = default;
ViewHash& ViewHash::operator=(const ViewHash& other) = default;
ViewHash::ViewHash(ViewHash&&) noexcept = default;
ViewHash& ViewHash::operator=(ViewHash&&) noexcept = default;
ViewHash::~ViewHash() = default;

ViewHash::Group& ViewHash::OwnedGroup(size_t group) { return Owned(groups_[group]); }

ViewHash::Bucket& ViewHash::OwnedBucket(size_t bucket) {
  return Owned(OwnedGroup(bucket / kFanOut).buckets[bucket % kFanOut]);
}

void ViewHash::Upsert(absl::string_view object_key, absl::string_view digest) {
  const Id id = IdOf(object_key);
  Sum sum{};
  std::memcpy(sum.data(), digest.data(), std::min(digest.size(), sum.size()));
  Bucket& bucket = OwnedBucket(BucketOf(id));
  const auto position = bucket.Position(id);
  if (position != bucket.entries.end() && position->id == id) {
    position->digest = sum;
  } else {
    bucket.entries.insert(position, {id, sum});
    ++size_;
  }
  dirty_.set(BucketOf(id));
}

void ViewHash::Remove(absl::string_view object_key) {
  const Id id = IdOf(object_key);
  const size_t index = BucketOf(id);
  const std::shared_ptr<Group>& group = groups_[index / kFanOut];
  if (group == nullptr || group->buckets[index % kFanOut] == nullptr) return;
  Bucket& bucket = OwnedBucket(index);
  const auto position = bucket.Position(id);
  if (position == bucket.entries.end() || position->id != id) return;
  bucket.entries.erase(position);
  --size_;
  dirty_.set(index);
}

std::optional<std::string> ViewHash::Find(absl::string_view object_key) const {
  const Id id = IdOf(object_key);
  const size_t index = BucketOf(id);
  const std::shared_ptr<Group>& group = groups_[index / kFanOut];
  if (group == nullptr || group->buckets[index % kFanOut] == nullptr) return std::nullopt;
  Bucket& bucket = *group->buckets[index % kFanOut];
  const auto position = bucket.Position(id);
  if (position == bucket.entries.end() || position->id != id) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(position->digest.data()),
                     position->digest.size());
}

void ViewHash::RehashGroup(size_t index) {
  Group& group = OwnedGroup(index);
  bool is_empty = true;
  for (size_t i = 0; i < kFanOut; ++i) {
    const std::shared_ptr<Bucket>& bucket = group.buckets[i];
    const bool has_objects = bucket != nullptr && !bucket->entries.empty();
    if (has_objects) is_empty = false;
    if (!dirty_[index * kFanOut + i]) continue;
    group.sums[i] = has_objects ? Sha256Array(bucket->entries.data(),
                                              bucket->entries.size() * sizeof(Bucket::Entry))
                                : Sum{};
  }
  group.sum = is_empty ? Sum{} : Sha256Array(group.sums.data(), sizeof(group.sums));
}

std::string ViewHash::Hash() {
  if (dirty_.any()) {
    std::array<Sum, kFanOut> sums{};
    const std::bitset<kFanOut * kFanOut> one_group((uint64_t{1} << kFanOut) - 1);
    for (size_t i = 0; i < kFanOut; ++i) {
      if ((dirty_ & (one_group << (i * kFanOut))).any()) RehashGroup(i);
      if (groups_[i] != nullptr) sums[i] = groups_[i]->sum;
    }
    hash_ = Sha256Array(sums.data(), sizeof(sums));
    dirty_.reset();
  }
  return std::string(reinterpret_cast<const char*>(hash_.data()), hash_.size());
}

}  // namespace sluice::resource
