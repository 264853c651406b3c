// The hash of a view: what a control plane and a proxy compare to know that they hold the same.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::resource {

// A set of (object key, digest) with a SHA-256 over all of it that is cheap to keep up to date:
// a change of one object in 100,000 rehashes about 7 KiB.
//
// The bytes that are hashed are part of the contract between builds:
//   id           the first 16 bytes of SHA-256(object key), compared as bytes
//   bucket       the objects whose id starts with the same 10 bits, 1024 of them
//   bucket hash  SHA-256 over id (16 bytes) and digest (32 bytes) of its objects, by ascending id;
//                an empty bucket's is 32 zero bytes
//   group hash   SHA-256 over the 32 bucket hashes of the buckets that share their first 5 bits;
//                a group without objects has 32 zero bytes
//   view hash    SHA-256 over the 32 group hashes; also of an empty view
//
// Thread: any one at a time. Copies may be used by different threads.
// Cost: 48 bytes an object. Copying takes less than a microsecond and shares what neither copy
//   changes afterwards, bucket by bucket.
class ViewHash {
 public:
  ViewHash();
  ViewHash(const ViewHash& other);
  ViewHash& operator=(const ViewHash& other);
  ViewHash(ViewHash&&) noexcept;
  ViewHash& operator=(ViewHash&&) noexcept;
  ~ViewHash();

  // Adds the object, or replaces its digest. `digest` is 32 bytes; a shorter one counts as padded
  // with zero bytes and a longer one as cut.
  void Upsert(absl::string_view object_key, absl::string_view digest);

  // Does nothing if the object is not there.
  void Remove(absl::string_view object_key);

  // The digest of the object; nothing if it is not there.
  std::optional<std::string> Find(absl::string_view object_key) const;

  // 32 raw bytes. Rehashes the buckets that were touched since the last call.
  std::string Hash();

  size_t size() const { return size_; }

 private:
  static constexpr size_t kFanOut = 32;
  using Sum = std::array<uint8_t, 32>;
  struct Bucket;
  struct Group;

  // The bucket or group, copied first if another ViewHash shares it.
  Group& OwnedGroup(size_t group);
  Bucket& OwnedBucket(size_t bucket);
  void RehashGroup(size_t group);

  // Null: no object. Never changed while shared.
  std::array<std::shared_ptr<Group>, kFanOut> groups_;
  std::bitset<kFanOut * kFanOut> dirty_;  // Buckets whose hash is out of date.
  Sum hash_;                              // Right if nothing is dirty.
  size_t size_ = 0;
};

}  // namespace sluice::resource
