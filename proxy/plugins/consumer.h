// Who calls: consumers as the data path sees them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"

namespace sluice::plugins {

class OverlayPlugins;

// Immutable; shared by the generations that hold it.
struct Consumer {
  std::string name;
  std::string group;  // Empty: none.
  // Plugins of the consumer and of its group, compiled; null if there are none. They replace those
  // of the route from the authorize phase on (chain.h).
  std::shared_ptr<const OverlayPlugins> overlay;
};

// All consumers of a generation by credential. Immutable.
class ConsumerTable {
 public:
  // The consumer whose credential for `plugin` ("key_auth") has this SHA-256 (32 bytes), or null.
  // The hash is looked up, never compared byte by byte with a secret, so timing tells nothing.
  // Allocates nothing.
  const Consumer* FindByCredential(absl::string_view plugin, absl::string_view sha256) const {
    const auto it = by_credential_.find(KeyView{plugin, sha256});
    return it == by_credential_.end() ? nullptr : it->second.get();
  }

  void Insert(absl::string_view plugin, absl::string_view sha256,
              std::shared_ptr<const Consumer> consumer) {
    by_credential_[Key{std::string(plugin), std::string(sha256)}] = std::move(consumer);
  }
  void Remove(absl::string_view plugin, absl::string_view sha256) {
    by_credential_.erase(KeyView{plugin, sha256});
  }
  size_t size() const { return by_credential_.size(); }

 private:
  struct KeyView {
    absl::string_view plugin;
    absl::string_view sha256;
  };
  struct Key {
    std::string plugin;
    std::string sha256;
    operator KeyView() const { return {plugin, sha256}; }
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(KeyView key) const { return absl::HashOf(key.plugin, key.sha256); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(KeyView a, KeyView b) const {
      return a.sha256 == b.sha256 && a.plugin == b.plugin;
    }
  };

  absl::flat_hash_map<Key, std::shared_ptr<const Consumer>, Hash, Equal> by_credential_;
};

}  // namespace sluice::plugins
