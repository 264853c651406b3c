// The attempts of one exchange that are under way: one as a rule, several with hedging.
//
// They live in the request's arena; the memory of one that has ended serves the next.
// Thread: the exchange's.
#pragma once

#include <new>
#include <utility>

#include "proxy/exchange/attempt.h"
#include "proxy/http/arena.h"

namespace sluice::exchange {

class AttemptList {
 public:
  AttemptList() = default;
  ~AttemptList() { Clear(); }
  AttemptList(const AttemptList&) = delete;
  AttemptList& operator=(const AttemptList&) = delete;

  template <typename... Arguments>
  Attempt& Add(http::Arena& arena, Arguments&&... arguments) {
    void* memory = std::exchange(spare_, nullptr);
    if (memory == nullptr) memory = arena.Allocate(sizeof(Attempt), alignof(Attempt));
    auto* attempt = new (memory) Attempt(std::forward<Arguments>(arguments)...);
    attempt->next_ = std::exchange(first_, attempt);
    return *attempt;
  }

  // Destroys it.
  void Remove(Attempt& attempt) {
    Attempt** link = &first_;
    while (*link != &attempt) link = &(*link)->next_;
    *link = attempt.next_;
    attempt.~Attempt();
    spare_ = &attempt;
  }
  void RemoveAllBut(const Attempt& kept) {
    for (Attempt* attempt = first_; attempt != nullptr;) {
      Attempt* next = attempt->next_;
      if (attempt != &kept) Remove(*attempt);
      attempt = next;
    }
  }
  void Clear() {
    while (first_ != nullptr) Remove(*first_);
  }

  bool empty() const { return first_ == nullptr; }
  // The newest.
  Attempt* first() const { return first_; }
  static Attempt* Next(const Attempt& attempt) { return attempt.next_; }

 private:
  Attempt* first_ = nullptr;
  void* spare_ = nullptr;
};

}  // namespace sluice::exchange
