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
  book.settings = std::make_shared<const upstream::Settings>(std::move(settings));
  book.configured.clear();
  for (const v1::Endpoint& endpoint : resource.upstream().endpoints()) {
    Source source;
    if (!ParseSource(endpoint.address(), source)) continue;
    if (endpoint.has_weight()) source.weight = endpoint.weight();
    source.priority = endpoint.priority();
    source.zone = endpoint.zone();
    source.labels = {endpoint.labels().begin(), endpoint.labels().end()};
    book.configured[endpoint.address()] = std::move(source);
  }
  dirty_.insert(resource.name());
}

void ClusterBook::Remove(const std::string& name) {
  books_.erase(name);
  dirty_.erase(name);
}

void ClusterBook::UpsertEndpoint(const v1::RegisteredEndpoint& endpoint) {
  Source source;
  if (!ParseSource(endpoint.address(), source)) return;
  if (endpoint.has_weight()) source.weight = endpoint.weight();
  Registered& registered = registered_[endpoint.upstream()][endpoint.address()];
  registered.source = source;
  registered.owners.insert(endpoint.owner());
  if (Has(endpoint.upstream())) dirty_.insert(endpoint.upstream());
}

void ClusterBook::RemoveEndpoint(const v1::RegisteredEndpoint& endpoint) {
  const auto upstream = registered_.find(endpoint.upstream());
  if (upstream == registered_.end()) return;
  const auto entry = upstream->second.find(endpoint.address());
  if (entry == upstream->second.end()) return;
  entry->second.owners.erase(endpoint.owner());
  if (entry->second.owners.empty()) upstream->second.erase(entry);
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
  std::sort(addresses.begin(), addresses.end());
  std::vector<net::IpAddress>& present = resolved_[host];
  if (present == addresses) return;
  present = std::move(addresses);
  for (const auto& [name, book] : books_) {
    for (const auto& [text, source] : AllSources(name, book)) {
      if (source.host == host) dirty_.insert(name);
    }
  }
}

std::set<std::string> ClusterBook::WantedNames() const {
  std::set<std::string> names;
  for (const auto& [name, book] : books_) {
    for (const auto& [text, source] : AllSources(name, book)) {
      if (!source.host.empty()) names.insert(source.host);
    }
  }
  return names;
}

// One address from several sources is one endpoint; the file's weight wins.
std::map<std::string, ClusterBook::Source> ClusterBook::AllSources(const std::string& name,
                                                                   const Book& book) const {
  std::map<std::string, Source> all = book.configured;
  const auto registered = registered_.find(name);
  if (registered == registered_.end()) return all;
  for (const auto& [text, entry] : registered->second) all.emplace(text, entry.source);
  return all;
}

std::vector<net::IpAddress> ClusterBook::Addresses(const Source& source) const {
  if (source.host.empty()) return {source.ip};
  const auto resolved = resolved_.find(source.host);
  return resolved == resolved_.end() ? std::vector<net::IpAddress>() : resolved->second;
}

// One that comes to an upstream which has others is new: slow start counts from now.
std::shared_ptr<upstream::EndpointHealth> ClusterBook::NewHealth(bool has_others) const {
  auto health = std::make_shared<upstream::EndpointHealth>();
  if (has_others) health->SetHealthySince(clock_.MonotonicNanos());
  return health;
}

std::shared_ptr<const upstream::EndpointSet> ClusterBook::BuildSet(const std::string& name,
                                                                   Book& book) {
  std::map<net::Address, upstream::Endpoint> endpoints;
  std::map<std::string, std::shared_ptr<EndpointHandle>> metrics;
  std::map<net::Address, std::shared_ptr<upstream::EndpointHealth>> health;
  const bool has_others = !book.health.empty();
  bool is_unresolved = false;
  for (const auto& [text, source] : AllSources(name, book)) {
    std::shared_ptr<EndpointHandle>& handle = metrics[text];
    handle = book.endpoint_metrics[text];
    if (handle == nullptr) {
      handle =
          std::make_shared<EndpointHandle>(metrics_.Acquire<observe::EndpointMetric>({name, text}));
    }
    const std::vector<net::IpAddress> ips = Addresses(source);
    is_unresolved |= ips.empty();
    for (const net::IpAddress& ip : ips) {
      const net::Address address(ip, source.port);
      std::shared_ptr<upstream::EndpointHealth>& known = health[address];
      if (known == nullptr) known = book.health[address];
      if (known == nullptr) {
        known = NewHealth(has_others);
        if (book.settings->checks != nullptr) known->Set(upstream::EndpointHealth::kUnchecked);
      }
      endpoints.emplace(
          address, upstream::Endpoint{address, text, source.weight, source.priority, source.zone,
                                      source.labels, known, handle->group(), handle});
    }
  }
  book.endpoint_metrics = std::move(metrics);
  book.health = std::move(health);
  std::vector<upstream::Endpoint> list;
  for (auto& [address, endpoint] : endpoints) list.push_back(std::move(endpoint));
  book.board->ejections().SetLimit(book.settings->outlier.get(), list.size());
  return std::make_shared<const upstream::EndpointSet>(book.settings->policy, std::move(list),
                                                       is_unresolved, book.settings->subsets.get());
}

std::vector<ClusterStep> ClusterBook::TakeSteps() {
  std::vector<ClusterStep> steps;
  for (const uint32_t slot : std::exchange(released_, {})) {
    steps.push_back({.slot = slot, .settings = nullptr, .endpoints = nullptr});
    free_slots_.push_back(slot);
  }
  for (const std::string& name : std::exchange(dirty_, {})) {
    Book& book = books_.at(name);
    steps.push_back({book.lease->slot(), book.settings, BuildSet(name, book)});
  }
  return steps;
}

}  // namespace sluice::runtime
