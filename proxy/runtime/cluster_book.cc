#include "proxy/runtime/cluster_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "proxy/runtime/convert.h"

namespace sluice::runtime {

ClusterLease::~ClusterLease() { book_.released_.push_back(slot_); }

bool ClusterBook::ParseSource(const std::string& text, Source& out) {
  if (const auto address = net::Address::Parse(text)) {
    out.ip = address->ip();
    out.port = address->port();
    return true;
  }
  const size_t colon = text.rfind(':');
  uint32_t port;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(absl::string_view(text).substr(colon + 1), &port) || port > 65535) {
    return false;
  }
  out.host = text.substr(0, colon);
  out.port = static_cast<uint16_t>(port);
  return true;
}

uint32_t ClusterBook::TakeSlot() {
  if (free_slots_.empty()) return next_slot_++;
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

void ClusterBook::Upsert(const v1::Resource& resource, std::shared_ptr<const upstream::Tls> tls) {
  Book& book = books_[resource.name()];
  if (book.lease == nullptr) {
    book.lease = std::make_shared<ClusterLease>(*this, TakeSlot());
    book.metrics = std::make_shared<UpstreamHandle>(
        metrics_.Acquire<observe::UpstreamMetric>({resource.name()}));
    book.breaker = std::make_shared<upstream::Breaker>();
    book.board = std::make_shared<upstream::HealthBoard>();
  }
  upstream::Settings settings = ToUpstreamSettings(resource);
  FillBalancing(resource.upstream(), zone_, settings);
  settings.metrics = book.metrics->group();
  settings.metrics_owner = book.metrics;
  settings.breaker = book.breaker;
  settings.board = book.board;
  settings.tls = std::move(tls);
  Replace(std::exchange(book.settings,
                        std::make_shared<const upstream::Settings>(std::move(settings))));
  book.configured.clear();
  for (const v1::Endpoint& endpoint : resource.upstream().endpoints()) {
    Source source;
    if (!ParseSource(endpoint.address(), source)) continue;
    source.traits = resource::TraitsOf(endpoint);
    book.configured[endpoint.address()] = std::move(source);
  }
  dirty_.insert(resource.name());
}

void ClusterBook::Remove(const std::string& name) {
  const auto book = books_.find(name);
  if (book == books_.end()) return;
  for (const std::string& host : book->second.hosts) DropUser(host, name);
  Replace(std::move(book->second.settings));
  Replace(std::move(book->second.endpoints));
  books_.erase(book);
  dirty_.erase(name);
}

void ClusterBook::UpsertEndpoint(const v1::RegisteredEndpoint& endpoint) {
  Source source;
  if (!ParseSource(endpoint.address(), source)) return;
  source.traits = resource::TraitsOf(endpoint);
  registered_[endpoint.upstream()][endpoint.address()][endpoint.owner()] = std::move(source);
  if (Has(endpoint.upstream())) dirty_.insert(endpoint.upstream());
}

void ClusterBook::RemoveEndpoint(const v1::RegisteredEndpoint& endpoint) {
  const auto upstream = registered_.find(endpoint.upstream());
  if (upstream == registered_.end()) return;
  const auto entry = upstream->second.find(endpoint.address());
  if (entry == upstream->second.end()) return;
  entry->second.erase(endpoint.owner());
  if (entry->second.empty()) upstream->second.erase(entry);
  if (upstream->second.empty()) registered_.erase(upstream);
  if (Has(endpoint.upstream())) dirty_.insert(endpoint.upstream());
}

void ClusterBook::ClearEndpoints() {
  for (const auto& [upstream, endpoints] : registered_) {
    if (Has(upstream)) dirty_.insert(upstream);
  }
  registered_.clear();
}

std::shared_ptr<ClusterLease> ClusterBook::Lease(const std::string& upstream) {
  const auto it = books_.find(upstream);
  return it == books_.end() ? nullptr : it->second.lease;
}

void ClusterBook::SetResolved(const std::string& host, std::vector<net::IpAddress> addresses) {
  const auto it = hosts_.find(host);
  if (it == hosts_.end()) return;
  std::sort(addresses.begin(), addresses.end());
  if (it->second.addresses == addresses) return;
  it->second.addresses = std::move(addresses);
  dirty_.insert(it->second.users.begin(), it->second.users.end());
}

std::set<std::string> ClusterBook::WantedNames() const {
  std::set<std::string> names;
  for (const auto& [host, known] : hosts_) names.insert(host);
  return names;
}

void ClusterBook::Replace(std::shared_ptr<const void> object) {
  if (object != nullptr) replaced_.push_back(std::move(object));
}

void ClusterBook::DropUser(const std::string& host, const std::string& upstream) {
  const auto it = hosts_.find(host);
  it->second.users.erase(upstream);
  if (it->second.users.empty()) hosts_.erase(it);
}

// One that comes to an upstream which has others is new: slow start counts from now.
std::shared_ptr<upstream::EndpointHealth> ClusterBook::NewHealth(bool has_others) const {
  auto health = std::make_shared<upstream::EndpointHealth>();
  if (has_others) health->SetHealthySince(clock_.MonotonicNanos());
  return health;
}

class ClusterBook::SetBuilder {
 public:
  SetBuilder(ClusterBook& owner, const std::string& name, Book& book)
      : owner_(owner), name_(name), book_(book), has_others_(!book.health.empty()) {}

  // Of an address that is there already nothing is taken.
  void Add(const std::string& text, const Source& source) {
    const std::shared_ptr<EndpointHandle>& handle = HandleOf(text);
    const std::vector<net::IpAddress> numeric{source.ip};
    const std::vector<net::IpAddress>& ips =
        source.host.empty() ? numeric : AddressesOf(source.host);
    is_unresolved_ |= ips.empty();
    for (const net::IpAddress& ip : ips) {
      const net::Address address(ip, source.port);
      const auto [entry, is_new] = endpoints_.try_emplace(address);
      if (!is_new) continue;
      upstream::Endpoint& endpoint = entry->second;
      endpoint.address = address;
      endpoint.name = text;
      endpoint.weight = source.traits.weight;
      endpoint.priority = source.traits.priority;
      endpoint.zone = source.traits.zone;
      endpoint.labels = source.traits.labels;
      endpoint.health = HealthOf(address);
      endpoint.metrics = handle->group();
      endpoint.metrics_owner = handle;
    }
  }

  // The book knows then what is in it.
  std::shared_ptr<const upstream::EndpointSet> Finish() && {
    for (const std::string& host : book_.hosts) {
      if (!hosts_.contains(host)) owner_.DropUser(host, name_);
    }
    book_.hosts = std::move(hosts_);
    book_.endpoint_metrics = std::move(metrics_);
    book_.health.clear();
    std::vector<upstream::Endpoint> list;
    list.reserve(endpoints_.size());
    for (auto& [address, endpoint] : endpoints_) {
      book_.health.emplace(address, endpoint.health);
      list.push_back(std::move(endpoint));
    }
    const upstream::Settings& settings = *book_.settings;
    book_.board->ejections().SetLimit(settings.outlier.get(), list.size());
    return std::make_shared<const upstream::EndpointSet>(settings.policy, std::move(list),
                                                         is_unresolved_, settings.subsets.get());
  }

 private:
  const std::shared_ptr<EndpointHandle>& HandleOf(const std::string& text) {
    std::shared_ptr<EndpointHandle>& handle = metrics_[text];
    const auto known = book_.endpoint_metrics.find(text);
    handle = known != book_.endpoint_metrics.end()
                 ? known->second
                 : std::make_shared<EndpointHandle>(
                       owner_.metrics_.Acquire<observe::EndpointMetric>({name_, text}));
    return handle;
  }

  const std::vector<net::IpAddress>& AddressesOf(const std::string& host) {
    hosts_.insert(host);
    Host& known = owner_.hosts_[host];
    known.users.insert(name_);
    return known.addresses;
  }

  std::shared_ptr<upstream::EndpointHealth> HealthOf(const net::Address& address) const {
    const auto known = book_.health.find(address);
    if (known != book_.health.end()) return known->second;
    std::shared_ptr<upstream::EndpointHealth> health = owner_.NewHealth(has_others_);
    if (book_.settings->checks != nullptr) health->Set(upstream::EndpointHealth::kUnchecked);
    return health;
  }

  ClusterBook& owner_;
  const std::string& name_;
  Book& book_;
  const bool has_others_;
  bool is_unresolved_ = false;
  std::map<net::Address, upstream::Endpoint> endpoints_;
  std::map<std::string, std::shared_ptr<EndpointHandle>> metrics_;
  std::set<std::string> hosts_;
};

std::shared_ptr<const upstream::EndpointSet> ClusterBook::BuildSet(const std::string& name,
                                                                   Book& book) {
  SetBuilder set(*this, name, book);
  // Of what has one address the first counts, by whatever names.
  for (const auto& [text, source] : book.configured) set.Add(text, source);
  if (const auto registered = registered_.find(name); registered != registered_.end()) {
    for (const auto& [text, owners] : registered->second) {
      if (!book.configured.contains(text)) set.Add(text, owners.begin()->second);
    }
  }
  return std::move(set).Finish();
}

std::vector<ClusterStep> ClusterBook::TakeSteps() {
  std::vector<ClusterStep> steps;
  for (const uint32_t slot : std::exchange(released_, {})) {
    steps.push_back({.slot = slot, .settings = nullptr, .endpoints = nullptr});
    free_slots_.push_back(slot);
  }
  for (const std::string& name : std::exchange(dirty_, {})) {
    Book& book = books_.at(name);
    Replace(std::exchange(book.endpoints, BuildSet(name, book)));
    steps.push_back({book.lease->slot(), book.settings, book.endpoints});
  }
  return steps;
}

}  // namespace sluice::runtime
