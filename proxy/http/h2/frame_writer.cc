#include "proxy/http/h2/frame_writer.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::http::h2 {
namespace {

// Bytes of a body that are rather copied behind their frame's head than sent as a piece of their
// own: a piece costs the kernel about as much as copying that many.
constexpr size_t kCopyBelow = 1024;

}  // namespace

void FrameWriter::Write(const uint8_t* data, size_t bytes, net::BlockPool& pool, net::Buffer& out) {
  const char* from = reinterpret_cast<const char*>(data);
  while (bytes > 0) {
    if (!block_ || block_->used == block_->capacity) {
      // A flush that fills one block is one of many streams.
      block_ = pool.Take(blocks_++ == 0 ? net::BlockSize::k4K : net::BlockSize::k16K);
    }
    const size_t part = std::min<size_t>(bytes, block_->capacity - block_->used);
    char* to = block_->data() + block_->used;
    std::memcpy(to, from, part);
    block_->used += static_cast<uint32_t>(part);
    out.AppendSlice(block_, to, to + part);
    from += part;
    bytes -= part;
  }
}

void FrameWriter::WriteBody(net::Buffer&& body, net::BlockPool& pool, net::Buffer& out) {
  if (body.size() >= kCopyBelow) return out.Append(std::move(body));
  body.ForEach([&](absl::string_view piece) {
    Write(reinterpret_cast<const uint8_t*>(piece.data()), piece.size(), pool, out);
  });
  body.Clear();
}

}  // namespace sluice::http::h2
