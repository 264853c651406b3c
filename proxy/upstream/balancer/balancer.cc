// Exclusions are rare, so every policy first tries as if there were none, a bounded number of
// times, and then looks at all endpoints: what is left is chosen by weight, which is exact, where
// "the next one" would send the whole share of a failed endpoint to its neighbour.
#include "proxy/upstream/balancer/balancer.h"

#include <utility>

namespace sluice::upstream {

namespace {

constexpr int kMaxTries = 8;

// Turns of cold endpoints that are passed on before one of them serves after all: enough for their
// shares to be right within a per cent where nine in ten of the endpoints are new.
constexpr int kMaxTurns = 64;

bool IsExcluded(const PickRequest& request, uint32_t endpoint) {
  return request.is_excluded != nullptr && request.is_excluded(request.context, endpoint);
}

}  // namespace

Balancer::Balancer(std::shared_ptr<const EndpointTable> table, const EndpointLoads& loads,
                   uint64_t seed)
    : loads_(loads), random_(seed) {
  Adopt(std::move(table));
}

void Balancer::Adopt(std::shared_ptr<const EndpointTable> table) {
  table_ = std::move(table);
  if (table_->policy() == Policy::kRoundRobin) rotation_.Adopt(*table_, random_);
}

std::optional<uint32_t> Balancer::Pick(const PickRequest& request) {
  const std::vector<uint32_t>& weighted = table_->weighted();
  if (weighted.size() < 2) {
    if (weighted.empty() || IsExcluded(request, weighted[0])) return std::nullopt;
    return weighted[0];
  }
  switch (table_->policy()) {
    case Policy::kRoundRobin:
      return PickInTurn(request);
    case Policy::kIpHash:
    case Policy::kHash:
    case Policy::kMaglev:
      return request.hash.has_value() ? PickByHash(request) : PickByWeight(request);
    case Policy::kLeastRequest:
    case Policy::kEwma:
      return PickBetterOfTwo(request);
    case Policy::kRandom:
      break;
  }
  return PickByWeight(request);
}

uint32_t Balancer::Draw() { return table_->weighted()[table_->sampler().Draw(random_.Next())]; }

bool Balancer::IsCold(const PickRequest& request, uint32_t endpoint) {
  return request.warm_up != nullptr && !request.warm_up->Keeps(endpoint, request.now_ns, random_);
}

// The first of what `next` gives that may be picked.
template <typename Next>
std::optional<uint32_t> Balancer::PickFirst(const PickRequest& request, Next next) {
  std::optional<uint32_t> cold;
  int excluded = 0;
  for (int i = 0; i < kMaxTurns && excluded < kMaxTries; ++i) {
    const uint32_t endpoint = next();
    if (IsExcluded(request, endpoint)) {
      ++excluded;
    } else if (IsCold(request, endpoint)) {
      cold = endpoint;
    } else {
      return endpoint;
    }
  }
  return cold.has_value() ? cold : PickFromAll(request);
}

std::optional<uint32_t> Balancer::PickInTurn(const PickRequest& request) {
  // An excluded endpoint loses its turn: if it kept it, the others would wait for it.
  return PickFirst(request, [this] { return rotation_.Next(); });
}

std::optional<uint32_t> Balancer::PickByHash(const PickRequest& request) {
  const SlotTable& slots = table_->slots();
  const std::vector<uint32_t>& weighted = table_->weighted();
  size_t slot = slots.First(*request.hash);
  // Four times around the owners finds one of a few that are left; the scan below is for fewer.
  for (size_t i = 0; i < 4 * table_->owner_count() + kMaxTries;
       ++i, slot = slots.Next(slot, *request.hash)) {
    const std::optional<uint32_t> endpoint = table_->OwnerOf(slot);
    if (endpoint.has_value() && !IsExcluded(request, *endpoint)) return endpoint;
  }
  const size_t first = *request.hash % weighted.size();
  for (size_t i = 0; i < weighted.size(); ++i) {
    const uint32_t endpoint = weighted[(first + i) % weighted.size()];
    if (!IsExcluded(request, endpoint)) return endpoint;
  }
  return std::nullopt;
}

std::optional<uint32_t> Balancer::PickByWeight(const PickRequest& request) {
  return PickFirst(request, [this] { return Draw(); });
}

std::optional<uint32_t> Balancer::PickBetterOfTwo(const PickRequest& request) {
  const std::optional<uint32_t> first = PickByWeight(request);
  if (!first.has_value()) return std::nullopt;
  // Where one endpoint has most of the weight, both draws may well be that one: then it serves.
  for (int i = 0; i < kMaxTries; ++i) {
    const uint32_t second = Draw();
    if (second == *first || IsExcluded(request, second) || IsCold(request, second)) continue;
    return IsBetter(second, *first, request.now_ns) ? second : *first;
  }
  return first;
}

// A draw from the endpoints that are left.
std::optional<uint32_t> Balancer::PickFromAll(const PickRequest& request) {
  std::optional<uint32_t> picked;
  uint64_t weight_so_far = 0;
  for (size_t place = 0; place < table_->weighted().size(); ++place) {
    const uint32_t endpoint = table_->weighted()[place];
    if (IsExcluded(request, endpoint)) continue;
    const uint32_t weight = table_->weights()[place];
    weight_so_far += weight;
    // Each replaces the pick with the probability of its share: one pass, no memory.
    if (random_.Next() % weight_so_far < weight) picked = endpoint;
  }
  return picked;
}

// Draws are by weight already, so an idle upstream is shared by weight only if a tie keeps the
// first draw: the comparisons must be equal when nothing is active.
bool Balancer::IsBetter(uint32_t a, uint32_t b, int64_t now_ns) const {
  if (table_->policy() == Policy::kEwma) return Cost(a, now_ns) < Cost(b, now_ns);
  const uint64_t weight_a = table_->endpoints()[a].weight;
  const uint64_t weight_b = table_->endpoints()[b].weight;
  return loads_[a].active() * weight_b < loads_[b].active() * weight_a;
}

// Latency times (active requests of a server of mean weight + 1).
double Balancer::Cost(uint32_t endpoint, int64_t now_ns) const {
  const EndpointLoad& load = loads_[endpoint];
  const double active =
      load.active() * table_->mean_weight() / table_->endpoints()[endpoint].weight;
  const double latency = load.LatencyNs(now_ns);
  // An endpoint that never answered is tried at once, but by one request at a time.
  if (latency == 0) return active * 1e9;
  return latency * (active + 1);
}

}  // namespace sluice::upstream
