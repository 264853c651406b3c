// An ordered set whose copies are free and whose changes make a new set that shares all but one
// path with the old one.
//
//   PersistentSet<StoredResource> next = state.resources.With(changed);
//   for (const std::shared_ptr<const StoredResource>& r : next) ...
//
// An AVL tree of immutable nodes: with 100k values a change copies about 17 nodes, and a reader
// keeps the set that it took for as long as it likes.
//
// T has `order()`: what it is ordered and looked up by.
// Thread: any; a set is a value, its nodes are immutable.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace sluice::store {

template <typename T>
class PersistentSet {
  struct Node;
  using Link = std::shared_ptr<const Node>;

 public:
  using Value = std::shared_ptr<const T>;

  // Walks upwards. Lifetime: the set (or a copy of it) outlives its iterators.
  class Iterator {
   public:
    const Value& operator*() const { return path_.back()->value; }
    const Value* operator->() const { return &path_.back()->value; }
    Iterator& operator++() {
      const Node* node = path_.back()->right.get();
      path_.pop_back();
      Descend(node);
      return *this;
    }
    bool operator==(const Iterator& other) const {
      if (path_.empty() || other.path_.empty()) return path_.empty() == other.path_.empty();
      return path_.back() == other.path_.back();
    }

   private:
    friend class PersistentSet;
    void Descend(const Node* node) {
      for (; node != nullptr; node = node->left.get()) path_.push_back(node);
    }
    std::vector<const Node*> path_;  // Nodes still to be visited, the next one last.
  };

  size_t size() const { return Size(root_); }
  bool empty() const { return root_ == nullptr; }

  // Null if there is none.
  template <typename Order>
  Value Find(const Order& order) const {
    const Node* node = root_.get();
    while (node != nullptr) {
      if (order < node->value->order()) {
        node = node->left.get();
      } else if (node->value->order() < order) {
        node = node->right.get();
      } else {
        return node->value;
      }
    }
    return nullptr;
  }

  Iterator begin() const {
    Iterator it;
    it.Descend(root_.get());
    return it;
  }
  Iterator end() const { return Iterator(); }

  // The first value that is not before `order`.
  template <typename Order>
  Iterator LowerBound(const Order& order) const {
    Iterator it;
    for (const Node* node = root_.get(); node != nullptr;) {
      if (node->value->order() < order) {
        node = node->right.get();
      } else {
        it.path_.push_back(node);
        node = node->left.get();
      }
    }
    return it;
  }

  // With `value` in place of the one of the same order, if any.
  [[nodiscard]] PersistentSet With(Value value) const {
    return PersistentSet(Insert(root_, std::move(value)));
  }

  // Without the value of that order, if any.
  template <typename Order>
  [[nodiscard]] PersistentSet Without(const Order& order) const {
    return PersistentSet(Remove(root_, order));
  }

  PersistentSet() = default;

 private:
  struct Node {
    Link left;
    Value value;
    Link right;
    size_t size;
    int height;
  };

  explicit PersistentSet(Link root) : root_(std::move(root)) {}

  static size_t Size(const Link& link) { return link == nullptr ? 0 : link->size; }
  static int Height(const Link& link) { return link == nullptr ? 0 : link->height; }

  static Link Make(Link left, Value value, Link right) {
    const size_t size = Size(left) + Size(right) + 1;
    const int height = std::max(Height(left), Height(right)) + 1;
    return std::make_shared<const Node>(
        Node{std::move(left), std::move(value), std::move(right), size, height});
  }

  // As Make, where the heights may differ by two.
  static Link Balance(Link left, Value value, Link right) {
    if (Height(left) > Height(right) + 1) {
      if (Height(left->left) >= Height(left->right)) {
        return Make(left->left, left->value, Make(left->right, std::move(value), std::move(right)));
      }
      const Node& pivot = *left->right;
      return Make(Make(left->left, left->value, pivot.left), pivot.value,
                  Make(pivot.right, std::move(value), std::move(right)));
    }
    if (Height(right) > Height(left) + 1) {
      if (Height(right->right) >= Height(right->left)) {
        return Make(Make(std::move(left), std::move(value), right->left), right->value,
                    right->right);
      }
      const Node& pivot = *right->left;
      return Make(Make(std::move(left), std::move(value), pivot.left), pivot.value,
                  Make(pivot.right, right->value, right->right));
    }
    return Make(std::move(left), std::move(value), std::move(right));
  }

  static Link Insert(const Link& node, Value value) {
    if (node == nullptr) return Make(nullptr, std::move(value), nullptr);
    if (value->order() < node->value->order()) {
      return Balance(Insert(node->left, std::move(value)), node->value, node->right);
    }
    if (node->value->order() < value->order()) {
      return Balance(node->left, node->value, Insert(node->right, std::move(value)));
    }
    return Make(node->left, std::move(value), node->right);
  }

  template <typename Order>
  static Link Remove(const Link& node, const Order& order) {
    if (node == nullptr) return nullptr;
    if (order < node->value->order()) {
      Link left = Remove(node->left, order);
      return left == node->left ? node : Balance(std::move(left), node->value, node->right);
    }
    if (node->value->order() < order) {
      Link right = Remove(node->right, order);
      return right == node->right ? node : Balance(node->left, node->value, std::move(right));
    }
    if (node->left == nullptr) return node->right;
    if (node->right == nullptr) return node->left;
    const Node* next = node->right.get();
    while (next->left != nullptr) next = next->left.get();
    const Value successor = next->value;
    return Balance(node->left, successor, Remove(node->right, successor->order()));
  }

  Link root_;
};

}  // namespace sluice::store
