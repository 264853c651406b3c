// Who calls: consumers as the data path sees them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "api/match/hash_trie.h"
#include "api/match/ref.h"

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

// All consumers of a generation by credential. Copies share what they hold: a change costs what
// changes, however many consumers there are.
//
// Thread: any may read while others read and copy; who changes a copy is its only user.
class ConsumerTable {
 public:
  // The consumer whose credential for `plugin` ("key_auth") has this SHA-256 (32 bytes), or null.
  // The hash is looked up, never compared byte by byte with a secret, so timing tells nothing.
  // Allocates nothing.
  const Consumer* FindByCredential(absl::string_view plugin, absl::string_view sha256) const {
    const Entry* entry = by_credential_.Find(HashOf(plugin, sha256), Is{plugin, sha256});
    return entry == nullptr ? nullptr : entry->consumer.get();
  }

  // In the place of whoever had the credential.
  void Insert(absl::string_view plugin, absl::string_view sha256,
              std::shared_ptr<const Consumer> consumer);
  void Remove(absl::string_view plugin, absl::string_view sha256);
  // Credentials.
  size_t size() const { return size_; }

 private:
  struct Entry {
    match::RefCount refs;
    uint32_t hash = 0;
    int32_t max_priority = 0;  // Wanted by the trie; means nothing here.
    std::string plugin;
    std::string sha256;
    std::shared_ptr<const Consumer> consumer;

    static void Destroy(Entry* entry) { delete entry; }
  };
  struct Is {
    absl::string_view plugin;
    absl::string_view sha256;
    bool operator()(const Entry& entry) const {
      return entry.sha256 == sha256 && entry.plugin == plugin;
    }
  };

  static uint32_t HashOf(absl::string_view plugin, absl::string_view sha256) {
    return static_cast<uint32_t>(absl::HashOf(plugin, sha256));
  }

  match::HashTrie<Entry> by_credential_;
  size_t size_ = 0;
};

inline void ConsumerTable::Insert(absl::string_view plugin, absl::string_view sha256,
                                  std::shared_ptr<const Consumer> consumer) {
  const uint32_t hash = HashOf(plugin, sha256);
  by_credential_.Update(hash, Is{plugin, sha256}, [&](match::Ref<Entry> old) {
    if (!old) ++size_;
    auto* entry = new Entry();
    entry->hash = hash;
    entry->plugin = std::string(plugin);
    entry->sha256 = std::string(sha256);
    entry->consumer = std::move(consumer);
    return match::Ref<Entry>::Adopt(entry);
  });
}

inline void ConsumerTable::Remove(absl::string_view plugin, absl::string_view sha256) {
  by_credential_.Update(HashOf(plugin, sha256), Is{plugin, sha256}, [&](match::Ref<Entry> old) {
    if (old) --size_;
    return match::Ref<Entry>();
  });
}

}  // namespace sluice::plugins
