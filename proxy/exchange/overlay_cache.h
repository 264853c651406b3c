// The late chains of routes with a consumer's plugins over them, compiled when first needed.
//
// Bounded: with many routes and many consumers the pairs would not fit. Dropped whole with every
// generation, because any of its keys may be gone then; what exchanges still use lives on with
// them.
//
// Thread: one worker's.
#pragma once

#include <memory>

#include "absl/container/flat_hash_map.h"
#include "proxy/exchange/config.h"
#include "proxy/plugins/consumer.h"

namespace sluice::exchange {

class OverlayCache {
 public:
  static constexpr size_t kCapacity = 4096;

  // `consumer.overlay` is not null.
  std::shared_ptr<const plugins::Chain> Get(const CompiledRoute& route,
                                            const plugins::Consumer& consumer) {
    const Key key(&route, consumer.overlay.get());
    const auto it = chains_.find(key);
    if (it != chains_.end()) return it->second;
    // Starting over costs one compilation a pair, about a microsecond each.
    if (chains_.size() >= kCapacity) chains_.clear();
    return chains_.emplace(key, consumer.overlay->Over(*route.late, route.plugin_order))
        .first->second;
  }

  void Clear() { chains_.clear(); }

 private:
  using Key = std::pair<const CompiledRoute*, const plugins::OverlayPlugins*>;
  absl::flat_hash_map<Key, std::shared_ptr<const plugins::Chain>> chains_;
};

}  // namespace sluice::exchange
