#include "api/match/node.h"

#include <algorithm>
#include <new>
#include <type_traits>
#include <utility>

#include "api/match/hash.h"
#include "base/line_pool.h"

namespace sluice::match {
namespace {

// Entries and label are copied as bytes and never destroyed.
static_assert(std::is_trivially_copyable_v<Entry> && std::is_trivially_copyable_v<RegexEntry>);
static_assert(alignof(Entry) <= alignof(Node) && alignof(RegexEntry) <= alignof(Node));

template <typename T>
char* Append(absl::Span<const T> items, char* out) {
  std::copy(items.begin(), items.end(), reinterpret_cast<T*>(out));
  return out + items.size() * sizeof(T);
}

int32_t Highest(const Node& node) {
  int32_t highest = node.children.max_priority();
  if (node.variable) highest = std::max(highest, node.variable->max_priority);
  // Lists are sorted by priority first.
  if (node.end_count > 0) highest = std::max(highest, node.ends()[0].priority);
  if (node.rest_count > 0) highest = std::max(highest, node.rests()[0].priority);
  if (node.regex_count > 0) highest = std::max(highest, node.regexes()[0].entry.priority);
  return highest;
}

}  // namespace

bool GoesBefore(const Entry& a, const Entry& b) {
  if (a.priority != b.priority) return a.priority > b.priority;
  if (a.spec->predicate_count() != b.spec->predicate_count()) {
    return a.spec->predicate_count() > b.spec->predicate_count();
  }
  if (a.spec != b.spec) return a.spec->name() < b.spec->name();
  return a.path_index < b.path_index;
}

Ref<Node> Node::Make(uint32_t hash, NodeParts parts) {
  const size_t size = sizeof(Node) + (parts.ends.size() + parts.rests.size()) * sizeof(Entry) +
                      parts.regexes.size() * sizeof(RegexEntry) + parts.label.size();
  Node* node = new (LinePool::Allocate(size)) Node();
  node->hash = hash;
  node->label_size = static_cast<uint16_t>(parts.label.size());
  node->has_variable = parts.label.find(kVariableMark) != absl::string_view::npos;
  node->end_count = static_cast<uint32_t>(parts.ends.size());
  node->rest_count = static_cast<uint32_t>(parts.rests.size());
  node->regex_count = static_cast<uint32_t>(parts.regexes.size());
  node->children = std::move(parts.children);
  node->variable = std::move(parts.variable);
  char* out = reinterpret_cast<char*>(node + 1);
  out = Append(parts.ends, out);
  out = Append(parts.rests, out);
  out = Append(parts.regexes, out);
  std::copy(parts.label.begin(), parts.label.end(), out);
  node->Settle();
  return Ref<Node>::Adopt(node);
}

void Node::Destroy(Node* node) {
  node->~Node();
  LinePool::Free(node);
}

NodeParts Node::Parts() const { return {label(), ends(), rests(), regexes(), children, variable}; }

void Node::Settle() { max_priority = Highest(*this); }

uint32_t SegmentHash(absl::string_view segment) { return HashText(segment.substr(1)); }

}  // namespace sluice::match
