// Earliest deadline first over a binary heap. nginx's algorithm for the same sequence is O(n) a
// pick. First turns are random within an endpoint's stride: without that all workers of all
// proxies would send their first requests to the same endpoint.
#include "proxy/upstream/balancer/rotation.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"

namespace sluice::upstream {

namespace {

// Fine enough for weights up to 65535 to be exact within 1e-7.
constexpr uint64_t kStride = uint64_t{1} << 40;

uint64_t Scale(uint64_t value, uint64_t numerator, uint64_t denominator) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(value) * numerator / denominator);
}

}  // namespace

void Rotation::Adopt(const EndpointTable& table, FastRandom& random) {
  absl::flat_hash_map<uint64_t, const Turn*> kept;
  for (const Turn& turn : heap_) kept.emplace(turn.id, &turn);
  std::vector<Turn> heap;
  heap.reserve(table.weighted().size());
  for (size_t place = 0; place < table.weighted().size(); ++place) {
    const uint32_t endpoint = table.weighted()[place];
    const uint64_t id = table.endpoints()[endpoint].id;
    const uint64_t stride = kStride / table.weights()[place];
    const auto it = kept.find(id);
    // What is left to wait shrinks or grows with the stride, so that a new weight counts at once.
    const uint64_t wait = it == kept.end()
                              ? Scale(random.Next() >> 32, stride, uint64_t{1} << 32)
                              : Scale(it->second->at - now_, stride, it->second->stride);
    heap.push_back({now_ + wait, stride, id, endpoint});
  }
  std::make_heap(heap.begin(), heap.end(), Later);
  heap_ = std::move(heap);
}

uint32_t Rotation::Next() {
  Turn turn = heap_.front();
  now_ = turn.at;
  turn.at += turn.stride;
  // Sinks the endpoint that just had its turn: one pass, where pop and push would be two.
  size_t hole = 0;
  for (size_t child = 1; child < heap_.size(); child = 2 * hole + 1) {
    if (child + 1 < heap_.size() && Later(heap_[child], heap_[child + 1])) ++child;
    if (!Later(turn, heap_[child])) break;
    heap_[hole] = heap_[child];
    hole = child;
  }
  heap_[hole] = turn;
  return turn.endpoint;
}

}  // namespace sluice::upstream
