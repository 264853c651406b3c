// Collects the frames of a flush in blocks, so that they leave in few pieces.
//
// Thread: its connection's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "proxy/net/buffer.h"

namespace sluice::http::h2 {

class FrameWriter {
 public:
  // Copies to the end of `out`.
  void Write(const uint8_t* data, size_t bytes, net::BlockPool& pool, net::Buffer& out);
  // Moves what may be large: copied only where that is cheaper than a piece of its own.
  void WriteBody(net::Buffer&& body, net::BlockPool& pool, net::Buffer& out);
  // Ends the flush: the block's rest is not kept.
  void Finish() {
    block_.Reset();
    blocks_ = 0;
  }

 private:
  net::BlockRef block_;
  uint32_t blocks_ = 0;  // Taken in this flush.
};

}  // namespace sluice::http::h2
