#include "api/resource/tree.h"

#include <algorithm>
#include <utility>

namespace sluice::resource {
namespace {

// Bytes of the UTF-8 sequence at the start of `text`; 0 if it is none (RFC 3629: no overlong form,
// no surrogate, nothing above U+10FFFF).
size_t SequenceBytes(absl::string_view text) {
  const auto byte = [text](size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const auto continues = [byte](size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool is_valid = first == 0xE0   ? continues(1, 0xA0)
                          : first == 0xED ? continues(1, 0x80, 0x9F)
                                          : continues(1);
    return is_valid && continues(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool is_valid = first == 0xF0   ? continues(1, 0x90)
                          : first == 0xF4 ? continues(1, 0x80, 0x8F)
                                          : continues(1);
    return is_valid && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool TreeBuilder::HoldsResources() const {
  if (open_.size() == 1) return open_[0].type == Node::Type::kList;
  return open_.size() == 2 && open_[0].type == Node::Type::kMap &&
         open_[1].type == Node::Type::kList && keys_[0].text == "resources";
}

bool TreeBuilder::ExpectsKey() const {
  return !open_.empty() && open_.back().type == Node::Type::kMap && !has_key_.back();
}

void TreeBuilder::TakeKey(Node&& node) {
  keys_.back() = std::move(node);
  has_key_.back() = true;
}

void TreeBuilder::Scalar(Node node) {
  if (ExpectsKey()) {
    if (node.type == Node::Type::kNull) node.flaw = Node::Flaw::kKey;
    TakeKey(std::move(node));
  } else {
    Complete(std::move(node));
  }
}

bool TreeBuilder::Begin(Node node) {
  if (open_.size() >= kMaxDepth) {
    sink_.on_problem(node.line, "lists and maps within each other are too deep",
                     std::to_string(kMaxDepth) + " at most");
    return false;
  }
  open_.push_back(std::move(node));
  keys_.emplace_back();
  has_key_.push_back(false);
  return true;
}

void TreeBuilder::End() {
  Node node = std::move(open_.back());
  open_.pop_back();
  keys_.pop_back();
  has_key_.pop_back();
  if (ExpectsKey()) {
    // A list or map as a key, which YAML allows: "? [a]". What is in it has no meaning.
    Node key;
    key.line = node.line;
    key.flaw = Node::Flaw::kKey;
    TakeKey(std::move(key));
  } else {
    Complete(std::move(node));
  }
}

void TreeBuilder::CompleteDocument(Node&& node) {
  if (std::exchange(has_resource_list_, false)) {
    for (const Node& item : node.items) {
      sink_.on_problem(item.key_line, "\"" + item.key + "\" stands beside the list of resources",
                       "nothing but \"resources\"");
    }
  } else if (node.type != Node::Type::kList) {  // A list was given out element by element.
    sink_.on_node(std::move(node));
  }
}

void TreeBuilder::Complete(Node&& node) {
  if (open_.empty()) {
    CompleteDocument(std::move(node));
    return;
  }
  if (HoldsResources()) {
    sink_.on_node(std::move(node));
    return;
  }
  if (open_.back().type == Node::Type::kMap) {
    has_key_.back() = false;
    const Node& key = keys_.back();
    if (open_.size() == 1 && key.text == "resources" && node.type == Node::Type::kList) {
      // Its elements were given out one by one.
      if (has_resource_list_) sink_.on_problem(key.line, "\"resources\" is given twice", "");
      has_resource_list_ = true;
      return;
    }
    node.key = key.text;
    node.key_line = key.line;
    if (key.flaw != Node::Flaw::kNone) node.flaw = key.flaw;
  }
  open_.back().items.push_back(std::move(node));
}

uint32_t FirstLineOfBadText(absl::string_view text) {
  uint32_t line = 1;
  while (!text.empty()) {
    const size_t bytes = text[0] == '\0' ? 0 : SequenceBytes(text);
    if (bytes == 0) return line;
    if (text[0] == '\n') ++line;
    text.remove_prefix(bytes);
  }
  return 0;
}

}  // namespace sluice::resource
