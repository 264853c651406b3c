// What a Table points to. Private to the table's own sources.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "api/match/hash_trie.h"
#include "api/match/node.h"
#include "api/match/ref.h"
#include "api/match/table.h"

namespace sluice::match {

// A route under its name, and its owner: entries of nodes point to its spec without a count, since
// every version of the table that holds one of them holds this.
struct RouteItem {
  RefCount refs;
  uint32_t hash;
  Table::Route route;

  static constexpr int32_t max_priority = 0;
  static void Destroy(RouteItem* item) { delete item; }
};

// One version of a table.
struct Table::Root {
  RefCount refs;
  HashTrie<Node> hosts;      // By name.
  HashTrie<Node> wildcards;  // "*.x" by "x".
  Ref<Node> any_host;        // Null if no route leaves its hosts out.
  HashTrie<RouteItem> names;
  size_t size = 0;
  // How many wildcards have i labels behind the "*": what need not be looked for.
  std::vector<uint32_t> wildcard_labels;

  static void Destroy(Root* root) { delete root; }

  // In table_match.cc.
  template <typename Visit>
  void ForEachHost(absl::string_view host, Visit visit) const;
};

}  // namespace sluice::match
