#include "controlplane/store/leases.h"

namespace sluice::store {
namespace {

Leases::Name NameOf(absl::string_view upstream, absl::string_view owner) {
  return {std::string(upstream), std::string(owner)};
}

}  // namespace

void Leases::Grant(absl::string_view upstream, absl::string_view owner, absl::Duration ttl) {
  MutexLock lock(mu_);
  end_ns_[NameOf(upstream, owner)] = clock_.MonotonicNanos() + absl::ToInt64Nanoseconds(ttl);
}

bool Leases::Renew(absl::string_view upstream, absl::string_view owner, absl::Duration ttl) {
  MutexLock lock(mu_);
  const auto it = end_ns_.find(NameOf(upstream, owner));
  if (it == end_ns_.end()) return false;
  it->second = clock_.MonotonicNanos() + absl::ToInt64Nanoseconds(ttl);
  return true;
}

void Leases::End(absl::string_view upstream, absl::string_view owner) {
  MutexLock lock(mu_);
  end_ns_.erase(NameOf(upstream, owner));
}

std::optional<absl::Time> Leases::EndOf(absl::string_view upstream, absl::string_view owner) const {
  MutexLock lock(mu_);
  const auto it = end_ns_.find(NameOf(upstream, owner));
  if (it == end_ns_.end()) return std::nullopt;
  return clock_.Now() + absl::Nanoseconds(it->second - clock_.MonotonicNanos());
}

bool Leases::AnyEnded() const {
  MutexLock lock(mu_);
  const int64_t now = clock_.MonotonicNanos();
  for (const auto& [name, end] : end_ns_) {
    if (end <= now) return true;
  }
  return false;
}

std::vector<Leases::Name> Leases::TakeEnded() {
  MutexLock lock(mu_);
  const int64_t now = clock_.MonotonicNanos();
  std::vector<Name> ended;
  for (auto it = end_ns_.begin(); it != end_ns_.end();) {
    if (it->second <= now) {
      ended.push_back(it->first);
      it = end_ns_.erase(it);
    } else {
      ++it;
    }
  }
  return ended;
}

void Leases::PutBack(const std::vector<Name>& names) {
  MutexLock lock(mu_);
  // One that has been given anew in the meantime keeps its new end.
  for (const Name& name : names) end_ns_.emplace(name, clock_.MonotonicNanos());
}

}  // namespace sluice::store
