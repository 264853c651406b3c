// A pointer that counts its owners in the object itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace sluice::match {

// The count of an object that Ref owns: a first member or base. Starts with one owner.
struct RefCount {
  std::atomic<uint32_t> owners{1};

  void Add() { owners.fetch_add(1, std::memory_order_relaxed); }
  // True if the last owner went.
  bool Drop() { return owners.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  // True if the caller, being an owner, is the only one: nobody else can come to it then.
  bool IsOnly() const { return owners.load(std::memory_order_acquire) == 1; }
};

// Shared ownership of a `T`, which has a member `RefCount refs` and `static void Destroy(T*)`. Half
// the size of std::shared_ptr, and able to say whether it is the only owner: a node that no other
// version of a table holds may be changed in place.
//
// Thread: as std::shared_ptr.
template <typename T>
class Ref {
 public:
  Ref() = default;
  Ref(const Ref& other) : object_(other.object_) {
    if (object_ != nullptr) object_->refs.Add();
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr && object_->refs.Drop()) T::Destroy(object_);
  }

  // Takes over one ownership that was counted before: of a new object, or given up by Release().
  static Ref Adopt(T* object) {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  // Gives the ownership up to the caller.
  T* Release() { return std::exchange(object_, nullptr); }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace sluice::match
