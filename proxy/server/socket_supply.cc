#include "proxy/server/socket_supply.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"

namespace sluice::server {
namespace {

constexpr int kBacklog = 4096;

}  // namespace

void SocketSupply::Inherit(const net::Address& address, std::vector<net::Fd> fds) {
  std::vector<net::Fd>& all = inherited_[address];
  for (net::Fd& fd : fds) {
    const bool is_known = std::any_of(all.begin(), all.end(), [&](const net::Fd& other) {
      return net::IsSameSocket(fd.get(), other.get());
    });
    if (!is_known) all.push_back(std::move(fd));
  }
}

const GivenSocket* SocketSupply::FindGiven(absl::string_view name,
                                           const net::Address& address) const {
  const auto by_address = std::find_if(given_.begin(), given_.end(),
                                       [&](const GivenSocket& s) { return s.address == address; });
  if (by_address != given_.end()) return &*by_address;
  const auto by_name = std::find_if(given_.begin(), given_.end(),
                                    [&](const GivenSocket& s) { return s.name == name; });
  return by_name == given_.end() ? nullptr : &*by_name;
}

absl::StatusOr<std::vector<ListeningSockets>> SocketSupply::Take(absl::string_view name,
                                                                 const net::Address& address,
                                                                 Neighbours neighbours) {
  if (const auto inherited = inherited_.find(address); inherited != inherited_.end()) {
    std::vector<net::Fd> fds = std::move(inherited->second);
    inherited_.erase(inherited);
    return Spread(std::move(fds));
  }
  if (const GivenSocket* given = FindGiven(name, address)) {
    std::vector<net::Fd> fds;
    fds.push_back(net::Duplicate(given->fd.get()));
    if (fds[0].is_open()) return Spread(std::move(fds));
  }
  return Bind(address, neighbours);
}

absl::StatusOr<std::vector<ListeningSockets>> SocketSupply::Bind(const net::Address& address,
                                                                 Neighbours neighbours) {
  const bool has_inherited_beside =
      std::any_of(inherited_.begin(), inherited_.end(), [&](const auto& inherited) {
        return address.Covers(inherited.first) || inherited.first.Covers(address);
      });
  // The probe would find them.
  if (neighbours == Neighbours::kNone && !has_inherited_beside) {
    RETURN_IF_ERROR(net::ProbeBind(address));
  }
  std::vector<net::Fd> fds;
  for (size_t i = 0; i < workers_; ++i) {
    ASSIGN_OR_RETURN(net::Fd fd, net::Listen(address, kBacklog));
    fds.push_back(std::move(fd));
  }
  std::vector<ListeningSockets> parts = Spread(std::move(fds));
  if (!has_inherited_beside) return parts;
  // Those of addresses that this one covers: closed, they would take along who waits on them.
  size_t next = 0;
  absl::erase_if(inherited_, [&](auto& inherited) {
    if (!address.Covers(inherited.first)) return false;
    for (net::Fd& fd : inherited.second) parts[next++ % workers_].fds.push_back(std::move(fd));
    return true;
  });
  return parts;
}

std::vector<ListeningSockets> SocketSupply::Spread(std::vector<net::Fd> fds) const {
  // Where it listens, which need not be where the listener would: a service manager may have said.
  const net::Address address = net::LocalAddress(fds[0].get());
  // Not those of a service manager, which belong to another user: the kernel refuses.
  while (fds.size() < workers_ && net::SharesPort(fds[0].get())) {
    absl::StatusOr<net::Fd> further = net::Listen(address, kBacklog);
    if (!further.ok()) break;
    fds.push_back(*std::move(further));
  }
  std::vector<ListeningSockets> parts(workers_);
  const size_t count = fds.size();
  for (size_t worker = count; worker < workers_; ++worker) {
    net::Fd shared = net::Duplicate(fds[worker % count].get());
    // Without a descriptor left, the others accept in its place.
    if (!shared.is_open()) continue;
    parts[worker].fds.push_back(std::move(shared));
    parts[worker].is_shared = parts[worker % count].is_shared = true;
  }
  for (size_t i = 0; i < count; ++i) parts[i % workers_].fds.push_back(std::move(fds[i]));
  return parts;
}

}  // namespace sluice::server
