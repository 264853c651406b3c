// The tree that YAML and JSON have in common: what stands between text and resources.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

namespace sluice::resource {

// A value with the line on which it begins. Maps keep the order and the duplicates of the text.
struct Node {
  enum class Type : uint8_t {
    kNull,
    kPlain,   // Without quotes: a number, a boolean; in YAML also a word.
    kString,  // In quotes.
    kList,
    kMap,
  };

  // What makes the value unusable though the text could be parsed. It is reported where the value
  // is used, since only there its field is known.
  enum class Flaw : uint8_t {
    kNone,
    kUnquoted,  // Its text needs quotes; `text` is what was meant.
    kAlias,     // *name
    kAnchor,    // &name
    kTag,       // !!name
    kKey,       // A key that is no word.
  };

  Type type = Type::kNull;
  Flaw flaw = Flaw::kNone;
  uint32_t line = 0;
  uint32_t key_line = 0;
  std::string key;          // In a map.
  std::string text;         // Of kPlain and kString.
  std::vector<Node> items;  // Of kList and kMap.
};

// What a text consists of, as it is read. Line numbers are counted from 1.
struct TreeSink {
  // A resource to be: an element of a top-level list or of the list `resources` of a top-level map,
  // or any other top-level value. Given as soon as it is complete, so that a file of 100,000
  // resources never stands in memory as a tree.
  absl::FunctionRef<void(Node&&)> on_node;

  // A part that cannot be parsed.
  absl::FunctionRef<void(uint32_t line, std::string problem, std::string want)> on_problem;
};

// Deeper values are refused: no resource needs them, and every reader of a tree recurses.
inline constexpr int kMaxDepth = 32;

// Puts a tree together from the events of a parser.
class TreeBuilder {
 public:
  explicit TreeBuilder(const TreeSink& sink) : sink_(sink) {}

  // A value, or, where the map that is open expects one, a key. `node` has no items.
  void Scalar(Node node);

  // Begins a list or map; false if it is too deep: then parsing stops.
  [[nodiscard]] bool Begin(Node node);
  void End();

  // How many lists and maps are open.
  size_t depth() const { return open_.size(); }

 private:
  // Whether the elements of the list or map on top of the stack are resources of their own.
  bool HoldsResources() const;
  bool ExpectsKey() const;
  void TakeKey(Node&& node);
  void Complete(Node&& node);
  void CompleteDocument(Node&& node);

  const TreeSink& sink_;
  std::vector<Node> open_;
  std::vector<Node> keys_;     // The key under which each value of a map is read; see has_key_.
  std::vector<bool> has_key_;  // Of each open one: a key was read, its value was not.
  bool has_resource_list_ = false;  // `resources` of the top-level map was read.
};

// Valid UTF-8 without NUL: all that a resource may be written in. Else the line of the first byte
// that is not.
uint32_t FirstLineOfBadText(absl::string_view text);

}  // namespace sluice::resource
