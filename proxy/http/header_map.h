// The headers of one message, in the order in which they came, names in lower case.
//
// Holds views: into the request's arena, into configuration that the request pins, or into static
// text. A codec adds what it read, plugins edit, the other codec writes.
//
// Thread: one worker's. Lifetime: within its arena.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "proxy/http/arena.h"
#include "proxy/http/header_id.h"

namespace sluice::http {

class HeaderMap {
 public:
  struct Entry {
    const char* name_data;
    const char* value_data;
    uint32_t value_size;
    uint16_t name_size;  // 0: removed.
    HeaderId id;

    absl::string_view name() const { return absl::string_view(name_data, name_size); }
    absl::string_view value() const { return absl::string_view(value_data, value_size); }
  };

  explicit HeaderMap(Arena& arena) : arena_(arena) { Clear(); }
  HeaderMap(const HeaderMap&) = delete;
  HeaderMap& operator=(const HeaderMap&) = delete;

  // Appends a header whose name is in lower case; both views must live as long as the arena. The
  // first form is for names whose id is known.
  void Add(HeaderId id, absl::string_view name, absl::string_view value);
  void Add(HeaderId id, absl::string_view value) { Add(id, HeaderName(id), value); }
  void Add(absl::string_view name, absl::string_view value) {
    Add(LookupHeader(name), name, value);
  }
  // Replaces all of the name by one.
  void Set(HeaderId id, absl::string_view value);
  void Set(absl::string_view name, absl::string_view value);
  // Removes all of the name; returns how many there were.
  size_t Remove(HeaderId id);
  size_t Remove(absl::string_view name);

  // The same for a name in lower case whose id was looked up before: configuration does that once.
  void Set(HeaderId id, absl::string_view name, absl::string_view value);
  size_t Remove(HeaderId id, absl::string_view name);

  // Removes those of which `f(const Entry&)` is true. Only for names without an id (kOther).
  template <typename F>
  void RemoveIf(F f) {
    for (uint16_t i = 0; i < size_; ++i) {
      if (entries_[i].name_size != 0 && f(entries_[i])) Drop(i);
    }
  }

  // The first of the name, null if there is none.
  const Entry* Find(HeaderId id) const {
    const uint16_t index = first_[static_cast<size_t>(id)];
    return index == kNone ? nullptr : &entries_[index];
  }
  const Entry* Find(absl::string_view name) const;
  const Entry* Find(HeaderId id, absl::string_view name) const;
  // Value of the first; empty if there is none.
  absl::string_view Get(HeaderId id) const {
    const Entry* entry = Find(id);
    return entry == nullptr ? absl::string_view() : entry->value();
  }
  absl::string_view Get(absl::string_view name) const {
    const Entry* entry = Find(name);
    return entry == nullptr ? absl::string_view() : entry->value();
  }
  bool Has(HeaderId id) const { return Find(id) != nullptr; }
  // The next one of the same name after `entry`, null if there is none.
  const Entry* Next(const Entry* entry) const;

  // Calls `f(const Entry&)` for each in order.
  template <typename F>
  void ForEach(F f) const {
    for (uint16_t i = 0; i < size_; ++i) {
      if (entries_[i].name_size != 0) f(entries_[i]);
    }
  }

  // Headers in the map. Not those removed.
  size_t count() const { return live_; }
  void Clear();
  // Makes room for `count` in one piece.
  void Reserve(size_t count);
  Arena& arena() { return arena_; }

 private:
  static constexpr uint16_t kNone = 0xffff;

  void Drop(uint16_t index);

  Arena& arena_;
  Entry* entries_ = nullptr;
  uint16_t size_ = 0;
  uint16_t capacity_ = 0;
  uint16_t live_ = 0;
  uint16_t first_[kHeaderIds];
};

}  // namespace sluice::http
