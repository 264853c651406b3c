// What one build has compiled before it is known that all of it can be.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/line_pool.h"
#include "proxy/runtime/builder.h"

namespace sluice::runtime {

struct Builder::Draft {
  // Parsed upserts and names of what goes, by kind.
  std::map<Kind, Parsed> upserts;
  std::map<Kind, std::set<std::string>> removals;
  absl::flat_hash_map<std::string, absl::string_view> bytes;  // Of routes, by name.
  std::map<Kind, Layers> layers;
  // Routes to compile: upserted, or using something that changed.
  std::map<std::string, std::shared_ptr<const v1::Resource>> routes;
  std::map<std::string, exchange::CompiledRoute> compiled;
  std::map<std::string, stream::CompiledStreamRoute> stream_routes;
  std::map<std::string, std::shared_ptr<const net::tls::Certificate>> certificates;
  std::map<std::string, std::shared_ptr<const upstream::Tls>> upstream_tls;
  std::map<std::string, ListenerSpec> listeners;
  absl::flat_hash_map<std::string, ChainPair> shared_chains;
  bool keeps_shared_chains = true;
  std::vector<resource::Problem> problems;

  bool Touches(Kind kind) const {
    const auto upserted = upserts.find(kind);
    const auto removed = removals.find(kind);
    return (upserted != upserts.end() && !upserted->second.empty()) ||
           (removed != removals.end() && !removed->second.empty());
  }
};

template <typename T>
std::shared_ptr<const T> Builder::Pin(T object) {
  object.pin_slot = TakePin();
  return std::allocate_shared<T>(LineAllocator<T>(), std::move(object));
}

}  // namespace sluice::runtime
