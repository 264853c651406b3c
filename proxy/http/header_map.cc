#include "proxy/http/header_map.h"

#include <algorithm>
#include <cstring>

namespace sluice::http {

void HeaderMap::Clear() {
  size_ = live_ = 0;
  std::memset(first_, 0xff, sizeof(first_));
}

void HeaderMap::Reserve(size_t count) {
  if (count <= capacity_) return;
  auto* entries = reinterpret_cast<Entry*>(arena_.Allocate(count * sizeof(Entry), alignof(Entry)));
  if (size_ > 0) std::memcpy(entries, entries_, size_ * sizeof(Entry));
  entries_ = entries;
  capacity_ = static_cast<uint16_t>(count);
}

void HeaderMap::Add(HeaderId id, absl::string_view name, absl::string_view value) {
  if (size_ == capacity_) Reserve(std::max<size_t>(16, capacity_ * 2));
  entries_[size_] = {name.data(), value.data(), static_cast<uint32_t>(value.size()),
                     static_cast<uint16_t>(name.size()), id};
  if (id != HeaderId::kOther && first_[static_cast<size_t>(id)] == kNone) {
    first_[static_cast<size_t>(id)] = size_;
  }
  ++size_;
  ++live_;
}

void HeaderMap::Set(HeaderId id, absl::string_view value) {
  Remove(id);
  Add(id, value);
}

void HeaderMap::Set(absl::string_view name, absl::string_view value) {
  Remove(name);
  Add(name, value);
}

void HeaderMap::Drop(uint16_t index) {
  entries_[index].name_size = 0;
  --live_;
}

size_t HeaderMap::Remove(HeaderId id) {
  uint16_t& first = first_[static_cast<size_t>(id)];
  if (first == kNone) return 0;
  size_t removed = 0;
  for (uint16_t i = first; i < size_; ++i) {
    if (entries_[i].id != id || entries_[i].name_size == 0) continue;
    Drop(i);
    ++removed;
  }
  first = kNone;
  return removed;
}

void HeaderMap::Set(HeaderId id, absl::string_view name, absl::string_view value) {
  Remove(id, name);
  Add(id, name, value);
}

size_t HeaderMap::Remove(absl::string_view name) { return Remove(LookupHeader(name), name); }

size_t HeaderMap::Remove(HeaderId id, absl::string_view name) {
  if (id != HeaderId::kOther) return Remove(id);
  size_t removed = 0;
  for (uint16_t i = 0; i < size_; ++i) {
    if (entries_[i].id != HeaderId::kOther || entries_[i].name() != name) continue;
    Drop(i);
    ++removed;
  }
  return removed;
}

const HeaderMap::Entry* HeaderMap::Find(absl::string_view name) const {
  return name.empty() ? nullptr : Find(LookupHeader(name), name);
}

const HeaderMap::Entry* HeaderMap::Find(HeaderId id, absl::string_view name) const {
  if (id != HeaderId::kOther) return Find(id);
  for (uint16_t i = 0; i < size_; ++i) {
    if (entries_[i].id == HeaderId::kOther && entries_[i].name() == name) return &entries_[i];
  }
  return nullptr;
}

const HeaderMap::Entry* HeaderMap::Next(const Entry* entry) const {
  for (const Entry* next = entry + 1; next < entries_ + size_; ++next) {
    if (next->id == entry->id && next->name() == entry->name()) return next;
  }
  return nullptr;
}

}  // namespace sluice::http
