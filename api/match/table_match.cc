// Finding the best route.
//
// A host's tree is descended once along literals; on the way an exact path, expressions and
// patterns are all met. They are then tried in the order of their rank, so that usually the first
// one that fits is the answer: the exact path at the end of the way, the expressions beside it,
// then patterns from the deepest node upwards, where at each node a literal was tried before the
// variable, and the variable before the remainder. Only a higher `priority` can overrule what was
// found earlier, so every node knows the highest one below it, and what cannot win is not entered.
//
// A hash of the whole path was rejected: patterns need the descent anyway, which finds exact paths
// on its way without a second miss of the cache.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "api/match/gram_set.h"
#include "api/match/hash.h"
#include "api/match/host.h"
#include "api/match/method.h"
#include "api/match/table.h"
#include "api/match/table_root.h"
#include "base/prefetch.h"

namespace sluice::match {
namespace {

constexpr size_t kNoMatch = absl::string_view::npos;

// The position of the next "/" from `from`, or the end. Inline, eight bytes at a time: segments are
// short, and a call of memchr costs more than most of them.
inline size_t SegmentEnd(absl::string_view path, size_t from) {
  constexpr uint64_t kOnes = 0x0101010101010101u;
  constexpr uint64_t kHigh = 0x8080808080808080u;
  if constexpr (std::endian::native == std::endian::little) {
    for (; from + 8 <= path.size(); from += 8) {
      const uint64_t word = LoadWord(path.data() + from) ^ kOnes * '/';
      const uint64_t hit = (word - kOnes) & ~word & kHigh;
      if (hit != 0) return from + static_cast<size_t>(std::countr_zero(hit)) / 8;
    }
  }
  while (from < path.size() && path[from] != '/') ++from;
  return from;
}

inline bool IsBoundary(absl::string_view path, size_t at) {
  return at == path.size() || path[at] == '/';
}

// Where in `path` a run of literal segments that begins at `at` ends, or kNoMatch.
inline size_t MatchRun(absl::string_view run, absl::string_view path, size_t at) {
  if (path.size() - at < run.size()) return kNoMatch;
  if (std::memcmp(path.data() + at, run.data(), run.size()) != 0) return kNoMatch;
  return IsBoundary(path, at + run.size()) ? at + run.size() : kNoMatch;
}

// The same for a label with variables.
size_t MatchMixed(absl::string_view label, absl::string_view path, size_t at) {
  while (!label.empty()) {
    if (BeginsWithVariable(label)) {
      if (at == path.size()) return kNoMatch;
      const size_t end = SegmentEnd(path, at + 1);
      if (end == at + 1) return kNoMatch;  // An empty segment is none.
      at = end;
      label.remove_prefix(2);
      continue;
    }
    const size_t mark = label.find(kVariableMark);
    const absl::string_view run = label.substr(0, mark == kNoMatch ? mark : mark - 1);
    at = MatchRun(run, path, at);
    if (at == kNoMatch) return kNoMatch;
    label.remove_prefix(run.size());
  }
  return at;
}

inline size_t MatchLabel(const Node& node, absl::string_view path, size_t at) {
  return node.has_variable ? MatchMixed(node.label(), path, at) : MatchRun(node.label(), path, at);
}

// The child for the segment that begins at `at` (its "/") and ends at `end`.
inline const Node* LiteralChild(const Node& node, absl::string_view path, size_t at, size_t end) {
  if (node.children.empty()) return nullptr;
  const absl::string_view segment = path.substr(at, end - at);
  return node.children.Find(SegmentHash(segment), [&](const Node& child) {
    // The label is usually in the second line, whose place only the first one tells.
    Prefetch(child.tail() + sizeof(Entry));
    const absl::string_view label = child.label();
    return label.size() >= segment.size() &&
           std::memcmp(label.data(), segment.data(), segment.size()) == 0 &&
           IsBoundary(label, segment.size());
  });
}

// First bytes of what is left of a path, and its last bytes, as RegexEntry keeps them.
uint64_t HeadWord(absl::string_view text) {
  uint64_t word = 0;
  std::memcpy(&word, text.data(), std::min<size_t>(text.size(), 8));
  return word;
}
uint64_t TailWord(absl::string_view text) {
  uint64_t word = 0;
  const size_t size = std::min<size_t>(text.size(), 8);
  std::memcpy(reinterpret_cast<char*>(&word) + 8 - size, text.data() + text.size() - size, size);
  return word;
}

// Walks the tree of one host and shows `Judge` every list of entries whose path matches, in the
// order of their rank but for priority. Judge has
//   bool IsSettled(int32_t highest)   nothing with this priority or less can change the result
//   void Entries(span of Entry)
//   void Expressions(span of RegexEntry, path, position): may match or not
template <typename Judge>
class Walk {
 public:
  Walk(absl::string_view path, Judge* judge) : path_(path), judge_(*judge) {}

  void Host(const Node& top) {
    // "*" of OPTIONS, or no path at all, is for routes with every path.
    if (path_.empty() || path_[0] != '/') {
      judge_.Entries(top.rests());
      return;
    }
    Descend(top);
    if (is_whole_) judge_.Entries(way_[depth_ - 1].node->ends());
    if (judge_.IsSettled(top.max_priority)) return;
    if (has_expressions_) {
      for (size_t i = 0; i < depth_; ++i) {
        judge_.Expressions(way_[i].node->regexes(), path_, way_[i].at);
      }
    }
    if (mixed_ != nullptr) Below(*mixed_, way_[depth_ - 1].at);
    for (size_t i = depth_; i-- > 0 && !judge_.IsSettled(top.max_priority);) {
      Variable(*way_[i].node, way_[i].at);
      judge_.Entries(way_[i].node->rests());
    }
  }

 private:
  struct Step {
    const Node* node;
    size_t at;  // Behind the node's label.
  };

  // The way along literals, as far as it goes.
  void Descend(const Node& top) {
    const Node* node = &top;
    size_t at = 0;
    while (true) {
      way_[depth_++] = {node, at};
      has_expressions_ |= node->regex_count != 0;
      is_whole_ = at == path_.size();
      if (is_whole_) return;
      const Node* child = LiteralChild(*node, path_, at, SegmentEnd(path_, at + 1));
      if (child == nullptr) return;
      if (child->has_variable) {
        mixed_ = child;
        return;
      }
      const size_t end = MatchRun(child->label(), path_, at);
      if (end == kNoMatch) return;
      node = child;
      at = end;
    }
  }

  // Patterns at and below `node`, whose label begins at `at`.
  void Below(const Node& node, size_t at) {
    if (judge_.IsSettled(node.max_priority)) return;
    const size_t end = MatchLabel(node, path_, at);
    if (end == kNoMatch) return;
    if (end == path_.size()) {
      judge_.Entries(node.ends());
    } else {
      const Node* child = LiteralChild(node, path_, end, SegmentEnd(path_, end + 1));
      if (child != nullptr) Below(*child, end);
      Variable(node, end);
    }
    judge_.Entries(node.rests());
  }

  void Variable(const Node& node, size_t at) {
    if (node.variable && at < path_.size()) Below(*node.variable, at);
  }

  const absl::string_view path_;
  Judge& judge_;
  std::array<Step, kMaxPathSegments + 1> way_;  // The first `depth_` are set.
  size_t depth_ = 0;
  bool is_whole_ = false;         // The way reaches the end of the path.
  bool has_expressions_ = false;  // Somewhere on the way.
  const Node* mixed_ = nullptr;   // The node after the way, if it has variables in its label.
};

bool IsRuledOut(const RegexEntry& regex, uint64_t head, uint64_t tail) {
  return ((head ^ regex.head) & regex.head_mask) != 0 ||
         ((tail ^ regex.tail) & regex.tail_mask) != 0;
}

// Keeps the best entry whose predicates hold.
class BestEntry {
 public:
  explicit BestEntry(const RequestView& request)
      : request_(request), method_(MethodBit(request.method)) {}

  const Entry* best() const { return best_; }

  bool IsSettled(int32_t highest) const { return best_ != nullptr && best_->priority >= highest; }

  void Entries(absl::Span<const Entry> entries) {
    for (const Entry& entry : entries) {
      if (IsSettled(entry.priority)) return;
      if (!Holds(entry)) continue;
      best_ = &entry;
      is_expression_ = false;
      return;
    }
  }

  void Expressions(absl::Span<const RegexEntry> regexes, absl::string_view path, size_t at) {
    if (regexes.empty()) return;
    const uint64_t head = HeadWord(path.substr(at));
    const uint64_t tail = TailWord(path);
    // Only with many are the path's own grams worth their cost.
    constexpr size_t kMany = 4;
    const bool has_grams = regexes.size() >= kMany;
    GramSet grams;
    if (has_grams) grams.Add(path);
    for (const RegexEntry& regex : regexes) {
      if (!CanWin(regex.entry)) return;
      if (IsRuledOut(regex, head, tail) || (regex.entry.methods & method_) == 0) continue;
      if (has_grams && !grams.MayContain(regex.grams)) continue;
      if (!regex.regex->Matches(path) || !Holds(regex.entry)) continue;
      best_ = &regex.entry;
      is_expression_ = true;
      return;
    }
  }

 private:
  // Expressions at different nodes have the same rank as paths, so all of it is compared.
  bool CanWin(const Entry& entry) const {
    if (best_ == nullptr || entry.priority > best_->priority) return true;
    return is_expression_ && GoesBefore(entry, *best_);
  }

  bool Holds(const Entry& entry) const {
    if ((entry.methods & method_) == 0) return false;
    if ((entry.methods & Entry::kAskSpec) == 0) return true;
    const Predicates& predicates = *entry.spec->predicates();
    const bool is_method = method_ != kOtherMethod || predicates.methods.empty() ||
                           predicates.methods.Contains(request_.method, method_);
    return is_method && predicates.HoldButMethods(request_);
  }

  const RequestView& request_;
  const MethodBits method_;
  const Entry* best_ = nullptr;
  bool is_expression_ = false;
};

// Gathers the methods of all entries whose other predicates hold.
class EveryMethod {
 public:
  explicit EveryMethod(const RequestView& request) : request_(request) {}

  MethodBits bits() const { return bits_; }
  const std::vector<absl::string_view>& others() const { return others_; }

  bool IsSettled(int32_t) const { return false; }

  void Entries(absl::Span<const Entry> entries) {
    for (const Entry& entry : entries) Add(entry);
  }

  void Expressions(absl::Span<const RegexEntry> regexes, absl::string_view path, size_t) {
    for (const RegexEntry& regex : regexes) {
      if (regex.regex->Matches(path)) Add(regex.entry);
    }
  }

 private:
  void Add(const Entry& entry) {
    const Predicates* predicates = entry.spec->predicates();
    if (predicates == nullptr || !predicates->HoldButMethods(request_)) return;
    bits_ |= predicates->methods.bits();
    for (absl::string_view method : predicates->methods.others()) {
      const auto at = std::lower_bound(others_.begin(), others_.end(), method);
      if (at == others_.end() || *at != method) others_.insert(at, method);
    }
  }

  const RequestView& request_;
  MethodBits bits_ = 0;
  std::vector<absl::string_view> others_;  // Sorted.
};

}  // namespace

// Calls `visit(top)` for the tree of each host that covers `host`, most specific first, until it
// returns true.
template <typename Visit>
void Table::Root::ForEachHost(absl::string_view host, Visit visit) const {
  std::array<char, kMaxHostSize> buffer;
  const absl::string_view key = HostKey(host, buffer.data());
  const auto is_it = [](absl::string_view name) {
    return [name](const Node& top) { return top.label() == name; };
  };
  if (!hosts.empty() && !key.empty()) {
    const Node* top = hosts.Find(HashText(key), is_it(key));
    if (top != nullptr && visit(*top)) return;
  }
  if (!wildcards.empty() && !key.empty()) {
    // "*.x" does not cover ".x": a dot in the first place is none.
    auto labels = static_cast<size_t>(std::count(key.begin() + 1, key.end(), '.'));
    for (size_t dot = key.find('.', 1); dot != absl::string_view::npos;
         dot = key.find('.', dot + 1)) {
      const absl::string_view suffix = key.substr(dot + 1);
      if (labels < wildcard_labels.size() && wildcard_labels[labels] != 0) {
        const Node* top = wildcards.Find(HashText(suffix), is_it(suffix));
        if (top != nullptr && visit(*top)) return;
      }
      --labels;
    }
  }
  if (any_host) visit(*any_host);
}

// Along the first segment only: a table in which that tells few apart is read at places that are
// known only when others have come.
Table::Ahead Table::LookAhead(absl::string_view host, absl::string_view path) const {
  // Two levels of pointers and what they point to.
  constexpr size_t kCached = 4096;
  Ahead ahead;
  if (root_->size <= kCached) return ahead;
  if (!root_->hosts.empty()) {
    if (host.empty()) return ahead;  // Not known yet: any place would be the wrong one.
    std::array<char, kMaxHostSize> buffer;
    ahead.search_ = root_->hosts.LookAhead(HashText(HostKey(host, buffer.data())));
  } else if (root_->any_host && path.size() > 1 && path[0] == '/') {
    const absl::string_view segment = path.substr(0, SegmentEnd(path, 1));
    ahead.search_ = root_->any_host->children.LookAhead(SegmentHash(segment));
  }
  return ahead;
}

uint64_t Table::Ahead::Advance() {
  search_.Advance();
  if (search_.item() == nullptr) return 0;
  const uint64_t payload = search_.hint();
  search_ = {};
  return payload;
}

bool Table::Match(const RequestView& request, MatchResult* result) const {
  BestEntry judge(request);
  root_->ForEachHost(request.host, [&](const Node& top) {
    Walk(request.path, &judge).Host(top);
    return judge.best() != nullptr;
  });
  if (judge.best() == nullptr) return false;
  *result = {judge.best()->payload, judge.best()->spec, judge.best()->path_index};
  return true;
}

std::string Table::AllowedMethods(const RequestView& request) const {
  EveryMethod judge(request);
  root_->ForEachHost(request.host, [&](const Node& top) {
    Walk(request.path, &judge).Host(top);
    return false;
  });
  return JoinMethods(judge.bits(), judge.others());
}

}  // namespace sluice::match
