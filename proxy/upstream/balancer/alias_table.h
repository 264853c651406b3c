// Draws an index with a probability in proportion to its weight, in constant time.
//
// Immutable after construction; shared by threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::upstream {

class AliasTable {
 public:
  AliasTable() = default;

  // Weights are not 0; up to 2^32 - 1 of them.
  explicit AliasTable(std::span<const uint32_t> weights);

  uint32_t size() const { return size_; }

  // `random` has 64 random bits. Not to be called when size() is 0.
  uint32_t Draw(uint64_t random) const {
    const uint32_t column = static_cast<uint32_t>(((random >> 32) * size_) >> 32);
    if (columns_.empty()) return column;  // All weights are equal.
    const Column& c = columns_[column];
    return static_cast<uint32_t>(random) < c.threshold ? column : c.alias;
  }

 private:
  struct Column {
    uint32_t threshold;  // Of 2^32: below it the column itself is drawn.
    uint32_t alias;      // Else this one.
  };

  uint32_t size_ = 0;
  std::vector<Column> columns_;
};

}  // namespace sluice::upstream
