// Where the copies of requests (mirror.h) hang.
//
// Thread: one worker's.
#pragma once

#include "proxy/http/header_map.h"
#include "proxy/net/buffer.h"

namespace sluice::exchange {

class Mirror;

// The copies of one request that still get its body. Goes with the request: what is not complete
// then is ended.
class MirrorFeed {
 public:
  MirrorFeed() = default;
  ~MirrorFeed() { Close(); }
  MirrorFeed(const MirrorFeed&) = delete;
  MirrorFeed& operator=(const MirrorFeed&) = delete;

  bool empty() const { return first_ == nullptr; }
  // The body goes on with this, of which the slices are shared.
  void Push(const net::Buffer& body);
  // The request is complete; `trailers` may be null. Empties the feed.
  void Complete(const http::HeaderMap* trailers);
  void Close();

 private:
  friend class Mirror;
  Mirror* first_ = nullptr;
};

// All copies of one worker that are under way. Owns them.
class MirrorList {
 public:
  MirrorList() = default;
  ~MirrorList() { Clear(); }
  MirrorList(const MirrorList&) = delete;
  MirrorList& operator=(const MirrorList&) = delete;

  // Ends all of them.
  void Clear();

 private:
  friend class Mirror;
  Mirror* first_ = nullptr;
};

}  // namespace sluice::exchange
