// The nodes that a route table is made of.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "api/match/compiled_spec.h"
#include "api/match/gram_set.h"
#include "api/match/hash_trie.h"
#include "api/match/method.h"
#include "api/match/ref.h"

namespace sluice::match {

// Stands in labels for a variable, so that "/users/{id}" is the label "/users/\1": paths of routes
// hold no control characters.
inline constexpr char kVariableMark = '\1';

// One path of a route, at the node where it ends.
//
// What decides most requests is here, so that the route itself is looked at only if it has more
// predicates than methods.
struct Entry {
  // Bit of `methods`: the route's own predicates must be asked, too.
  static constexpr uint16_t kAskSpec = 1 << 15;

  const CompiledSpec* spec = nullptr;  // Kept alive by the table's index of names.
  uint64_t payload = 0;
  int32_t priority = 0;
  uint16_t path_index = 0;
  uint16_t methods = kEveryMethod;  // MethodBits, and kAskSpec.
};

// An expression, at the node of the segments that every text it matches begins with.
struct RegexEntry {
  Entry entry;
  const Regex* regex = nullptr;
  // The first bytes after the node's path and the last bytes of every text that matches: most
  // expressions are ruled out by these without being touched.
  uint64_t head = 0;
  uint64_t tail = 0;
  uint64_t head_mask = 0;
  uint64_t tail_mask = 0;
  GramSet grams = {};  // That every text that matches has.
};

// Rank between entries with the same host and the same kind of path: priority, then number of
// predicates, then name; of two expressions of one route the first. True if `a` goes before `b`.
bool GoesBefore(const Entry& a, const Entry& b);

struct Node;

// What a node is made from.
struct NodeParts {
  absl::string_view label;
  // Each in the order of GoesBefore().
  absl::Span<const Entry> ends;   // Paths that end here.
  absl::Span<const Entry> rests;  // Paths that end in a remainder here: "/*".
  absl::Span<const RegexEntry> regexes;
  HashTrie<Node> children;  // By their first segment, a literal.
  Ref<Node> variable;       // The child whose first segment is a variable.
};

// A node of a radix tree over path segments. A label is one or more whole segments, each with its
// "/" before it; chains without a branch are one node. At the top of the tree of a host the label
// is the host, without effect on paths.
//
// Immutable once a table was published; until then, and as long as nobody else owns it, the builder
// may replace children. Entries and label follow the structure in the same block.
struct Node {
  RefCount refs;
  uint32_t hash;         // Of the first segment without its "/", or of the host.
  int32_t max_priority;  // The highest of its own entries and of all below.
  uint16_t label_size;
  bool has_variable;  // In its label.
  uint32_t end_count;
  uint32_t rest_count;
  uint32_t regex_count;
  HashTrie<Node> children;
  Ref<Node> variable;

  static Ref<Node> Make(uint32_t hash, NodeParts parts);
  static void Destroy(Node* node);

  const char* tail() const { return reinterpret_cast<const char*>(this + 1); }
  absl::Span<const Entry> ends() const {
    return {reinterpret_cast<const Entry*>(tail()), end_count};
  }
  absl::Span<const Entry> rests() const { return {ends().end(), rest_count}; }
  absl::Span<const RegexEntry> regexes() const {
    return {reinterpret_cast<const RegexEntry*>(rests().end()), regex_count};
  }
  absl::string_view label() const {
    return {reinterpret_cast<const char*>(regexes().end()), label_size};
  }

  // Views and copies of what it is made from.
  NodeParts Parts() const;

  // The payload of the first path that ends here, or else of the first remainder, which lies behind
  // those; 0 if there is none.
  uint64_t hint() const { return end_count + rest_count != 0 ? ends().data()->payload : 0; }

  bool is_bare() const { return end_count + rest_count + regex_count == 0; }

  // Brings max_priority up to date after a change of children.
  void Settle();
};

// The first segment of a label or of the rest of a path, with its "/".
inline absl::string_view FirstSegment(absl::string_view text) {
  return text.substr(0, text.find('/', 1));
}

inline bool BeginsWithVariable(absl::string_view label) {
  return label.size() > 1 && label[1] == kVariableMark;
}

// The hash under which a child whose label begins with `segment` (with its "/") is kept.
uint32_t SegmentHash(absl::string_view segment);

}  // namespace sluice::match
