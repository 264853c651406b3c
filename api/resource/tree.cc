#include "api/resource/tree.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace sluice::resource {
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
    // Nearly all is ASCII.
    const auto first = static_cast<unsigned char>(text[0]);
    const size_t bytes = first > 0 && first < 0x80 ? 1 : Utf8CharacterBytes(text);
    if (bytes == 0 || first == 0) return line;
    if (text[0] == '\n') ++line;
    text.remove_prefix(bytes);
  }
  return 0;
}

}  // namespace sluice::resource
