// With(): a route is one entry for each pair of host and path. An entry is put into, or taken out
// of, the node that its path leads to. On the way each node is copied unless nobody else has it;
// nodes that an earlier step of the same With() copied are changed in place, so that building a
// table from nothing copies nothing.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "api/match/hash.h"
#include "api/match/host.h"
#include "api/match/table.h"
#include "api/match/table_root.h"

namespace sluice::match {
namespace {

enum class List : uint8_t { kEnds, kRests, kRegexes };

// One entry to be put in or taken out.
struct Change {
  bool is_insertion;
  List list;
  RegexEntry regex;   // Of kEnds and kRests only its `entry` counts.
  std::string label;  // Where: all segments from the root, variables as kVariableMark.
};

// The first or last bytes of `text`, at most eight, and which of them there are.
struct Word {
  uint64_t bits = 0;
  uint64_t mask = 0;
};

Word HeadOf(absl::string_view text) {
  Word word;
  const size_t size = std::min<size_t>(text.size(), 8);
  std::memcpy(&word.bits, text.data(), size);
  std::memset(&word.mask, 0xFF, size);
  return word;
}

Word TailOf(absl::string_view text) {
  Word word;
  const size_t size = std::min<size_t>(text.size(), 8);
  std::memcpy(reinterpret_cast<char*>(&word.bits) + 8 - size, text.data() + text.size() - size,
              size);
  std::memset(reinterpret_cast<char*>(&word.mask) + 8 - size, 0xFF, size);
  return word;
}

Entry EntryFor(const Table::Route& route, size_t path_index) {
  Entry entry;
  entry.spec = route.spec.get();
  entry.payload = route.payload;
  entry.priority = route.spec->priority();
  entry.path_index = static_cast<uint16_t>(path_index);
  const Predicates* predicates = route.spec->predicates();
  if (predicates == nullptr) return entry;
  const MethodSet& methods = predicates->methods;
  entry.methods = methods.empty() ? kEveryMethod : methods.bits();
  const bool only_methods = route.spec->predicate_count() == (methods.empty() ? 0u : 1u);
  if (!only_methods || !methods.others().empty()) entry.methods |= Entry::kAskSpec;
  return entry;
}

Change ChangeFor(bool is_insertion, const Table::Route& route, size_t path_index) {
  const CompiledSpec::Path& path = route.spec->paths()[path_index];
  Change change = {is_insertion, List::kEnds, {}, {}};
  change.regex.entry = EntryFor(route, path_index);
  if (path.kind == PathKind::kRegex) {
    change.list = List::kRegexes;
    const std::string& prefix = path.regex->prefix();
    // Whole segments only: "/v" of "/v[0-9]+" is none.
    const size_t boundary = prefix.empty() ? 0 : prefix.rfind('/');
    change.label = prefix.substr(0, boundary);
    const Word head = HeadOf(absl::string_view(prefix).substr(boundary));
    const Word tail = TailOf(path.regex->suffix());
    change.regex = {change.regex.entry, path.regex.get(), head.bits,
                    tail.bits,          head.mask,        tail.mask};
    for (const std::string& literal : path.regex->literals()) change.regex.grams.Add(literal);
    return change;
  }
  PatternReader reader(path.text);
  PatternSegment segment;
  while (reader.Next(&segment)) {
    switch (segment.kind) {
      case PatternSegment::Kind::kLiteral:
        absl::StrAppend(&change.label, "/", segment.text);
        break;
      case PatternSegment::Kind::kVariable:
        change.label += {'/', kVariableMark};
        break;
      case PatternSegment::Kind::kRest:
        change.list = List::kRests;
        break;
    }
  }
  return change;
}

const Entry& EntryOf(const Entry& entry) { return entry; }
const Entry& EntryOf(const RegexEntry& regex) { return regex.entry; }

// `items` with `item` at its place by rank, or without the one for the same path of the same route.
template <typename T>
absl::InlinedVector<T, 4> Changed(absl::Span<const T> items, bool is_insertion, const T& item) {
  const Entry& entry = EntryOf(item);
  absl::InlinedVector<T, 4> changed;
  changed.reserve(items.size() + 1);
  size_t i = 0;
  if (is_insertion) {
    for (; i < items.size() && GoesBefore(EntryOf(items[i]), entry); ++i)
      changed.push_back(items[i]);
    changed.push_back(item);
    changed.insert(changed.end(), items.begin() + i, items.end());
    return changed;
  }
  for (const T& other : items) {
    const bool is_it =
        EntryOf(other).spec == entry.spec && EntryOf(other).path_index == entry.path_index;
    if (!is_it) changed.push_back(other);
  }
  return changed;
}

// How much of two labels is alike, in whole segments.
size_t CommonSegments(absl::string_view a, absl::string_view b) {
  const size_t shorter = std::min(a.size(), b.size());
  size_t alike = 0;
  while (alike < shorter && a[alike] == b[alike]) ++alike;
  const bool a_ends = alike == a.size() || a[alike] == '/';
  const bool b_ends = alike == b.size() || b[alike] == '/';
  if (a_ends && b_ends) return alike;
  return a.substr(0, alike).rfind('/');
}

Ref<Node> Owned(Ref<Node> node) {
  return node->refs.IsOnly() ? std::move(node) : Node::Make(node->hash, node->Parts());
}

void PutChild(NodeParts* parts, Ref<Node> child) {
  if (BeginsWithVariable(child->label())) {
    parts->variable = std::move(child);
    return;
  }
  const uint32_t hash = child->hash;
  parts->children.Update(
      hash, [](const Node&) { return false; }, [&](Ref<Node>) { return std::move(child); });
}

// Two nodes for one: the upper has `size` bytes of the label and nothing else.
Ref<Node> Split(const Node& node, size_t size) {
  NodeParts lower = node.Parts();
  lower.label.remove_prefix(size);
  NodeParts upper;
  upper.label = node.label().substr(0, size);
  const uint32_t hash = SegmentHash(FirstSegment(lower.label));
  PutChild(&upper, Node::Make(hash, std::move(lower)));
  return Node::Make(node.hash, std::move(upper));
}

// The opposite, where a removal made it possible; null if nothing is left.
Ref<Node> Pruned(Ref<Node> node) {
  if (!node->is_bare()) return node;
  if (node->children.empty() && !node->variable) return {};
  const Node* lower = node->children.empty() ? node->variable.get() : node->children.only();
  if (lower == nullptr || (node->variable && !node->children.empty())) return node;
  const std::string label = absl::StrCat(node->label(), lower->label());
  NodeParts parts = lower->Parts();
  parts.label = label;
  return Node::Make(node->hash, std::move(parts));
}

// Carries one change down the tree of a host.
class PathUpdate {
 public:
  explicit PathUpdate(const Change& change) : change_(change) {}

  // `node` with the change, where `path` is what of the label is left behind this node's own.
  Ref<Node> Below(Ref<Node> node, absl::string_view path) const {
    if (path.empty()) return Here(*node);
    node = Owned(std::move(node));
    if (BeginsWithVariable(path)) {
      node->variable = Child(std::move(node->variable), path);
    } else {
      const absl::string_view segment = FirstSegment(path);
      node->children.Update(
          SegmentHash(segment),
          [&](const Node& child) { return FirstSegment(child.label()) == segment; },
          [&](Ref<Node> child) { return Child(std::move(child), path); });
    }
    node->Settle();
    return node;
  }

 private:
  Ref<Node> Child(Ref<Node> child, absl::string_view path) const {
    if (!child) {
      if (!change_.is_insertion) return child;
      NodeParts parts;
      parts.label = path;
      return Here(*Node::Make(SegmentHash(FirstSegment(path)), std::move(parts)));
    }
    const size_t common = CommonSegments(child->label(), path);
    if (common < child->label().size()) {
      if (!change_.is_insertion) return child;
      child = Split(*child, common);
    }
    return Pruned(Below(std::move(child), path.substr(common)));
  }

  Ref<Node> Here(const Node& node) const {
    NodeParts parts = node.Parts();
    absl::InlinedVector<Entry, 4> entries;
    absl::InlinedVector<RegexEntry, 4> regexes;
    switch (change_.list) {
      case List::kEnds:
        parts.ends = entries = Changed(parts.ends, change_.is_insertion, change_.regex.entry);
        break;
      case List::kRests:
        parts.rests = entries = Changed(parts.rests, change_.is_insertion, change_.regex.entry);
        break;
      case List::kRegexes:
        parts.regexes = regexes = Changed(parts.regexes, change_.is_insertion, change_.regex);
        break;
    }
    return Node::Make(node.hash, std::move(parts));
  }

  const Change& change_;
};

// The top of a host's tree with the change; null if nothing is left of it.
Ref<Node> ChangedHost(Ref<Node> top, absl::string_view host, const Change& change) {
  if (!top) {
    if (!change.is_insertion) return top;
    NodeParts parts;
    parts.label = host;
    top = Node::Make(HashText(host), std::move(parts));
  }
  top = PathUpdate(change).Below(std::move(top), change.label);
  const bool is_empty = top->is_bare() && top->children.empty() && !top->variable;
  return is_empty ? Ref<Node>() : top;
}

void ChangeHostIn(HashTrie<Node>* hosts, absl::string_view host, const Change& change) {
  hosts->Update(
      HashText(host), [&](const Node& top) { return top.label() == host; },
      [&](Ref<Node> top) { return ChangedHost(std::move(top), host, change); });
}

}  // namespace

// Changes a root that no reader has seen.
class TableUpdate {
 public:
  explicit TableUpdate(const Table::Root& root)
      : root_(Ref<Table::Root>::Adopt(new Table::Root())) {
    root_->hosts = root.hosts;
    root_->wildcards = root.wildcards;
    root_->any_host = root.any_host;
    root_->names = root.names;
    root_->size = root.size;
    root_->wildcard_labels = root.wildcard_labels;
  }

  void Remove(absl::string_view name) {
    UpdateName(name, [&](Ref<RouteItem> item) {
      if (item) {
        Apply(false, item->route);
        --root_->size;
      }
      return Ref<RouteItem>();
    });
  }

  void Upsert(const Table::Route& route) {
    UpdateName(route.spec->name(), [&](Ref<RouteItem> item) {
      if (item) {
        Apply(false, item->route);
      } else {
        ++root_->size;
      }
      Apply(true, route);
      return Ref<RouteItem>::Adopt(new RouteItem{{}, HashText(route.spec->name()), route});
    });
  }

  Ref<Table::Root> Finish() { return std::move(root_); }

 private:
  void UpdateName(absl::string_view name,
                  absl::FunctionRef<Ref<RouteItem>(Ref<RouteItem>)> change) {
    root_->names.Update(
        HashText(name), [&](const RouteItem& item) { return item.route.spec->name() == name; },
        change);
  }

  void Apply(bool is_insertion, const Table::Route& route) {
    const CompiledSpec& spec = *route.spec;
    for (absl::string_view host : spec.hosts()) {
      if (IsWildcardHost(host)) CountWildcard(host, is_insertion);
    }
    for (size_t i = 0; i < spec.paths().size(); ++i) {
      const Change change = ChangeFor(is_insertion, route, i);
      for (absl::string_view host : spec.hosts()) {
        IsWildcardHost(host) ? ChangeHostIn(&root_->wildcards, host.substr(2), change)
                             : ChangeHostIn(&root_->hosts, host, change);
      }
      if (spec.hosts().empty()) {
        root_->any_host = ChangedHost(std::move(root_->any_host), absl::string_view(), change);
      }
    }
  }

  void CountWildcard(absl::string_view host, bool is_insertion) {
    const auto labels = static_cast<size_t>(std::count(host.begin(), host.end(), '.'));
    std::vector<uint32_t>& counts = root_->wildcard_labels;
    if (counts.size() <= labels) counts.resize(labels + 1);
    is_insertion ? ++counts[labels] : --counts[labels];
  }

  Ref<Table::Root> root_;
};

Table Table::With(absl::Span<const std::string> removals, absl::Span<const Route> upserts) const {
  TableUpdate update(*root_);
  for (const std::string& name : removals) update.Remove(name);
  for (const Route& route : upserts) update.Upsert(route);
  return Table(update.Finish());
}

}  // namespace sluice::match
