// What the HTTP/2 connections of one worker share, so that a request in steady state takes nothing
// from the general heap: nghttp2's memory, stream objects, lists of fields.
//
// Thread: its worker's. Lifetime: outlives its connections.
#pragma once

#include <nghttp2/nghttp2.h>

#include <memory>
#include <vector>

#include "proxy/http/h2/fields.h"
#include "proxy/http/h2/frame_writer.h"
#include "proxy/http/h2/session_memory.h"

namespace sluice::http::h2 {

class IncomingStream;

class ServerWorkspace {
 public:
  ServerWorkspace();
  ~ServerWorkspace();
  ServerWorkspace(const ServerWorkspace&) = delete;
  ServerWorkspace& operator=(const ServerWorkspace&) = delete;

  // As those of SessionMemory, for all that is shared.
  void Trim();
  void Release();

 private:
  friend class IncomingStream;
  friend class ServerConnection;

  // An object that no connection uses; made if there is none.
  IncomingStream* TakeStream();
  void ReturnStream(IncomingStream* stream);

  SessionMemory memory_;
  FieldList fields_;
  FrameWriter writer_;
  nghttp2_session_callbacks* callbacks_ = nullptr;
  nghttp2_option* option_ = nullptr;
  std::vector<std::unique_ptr<IncomingStream>> free_;
  size_t least_free_ = 0;  // Fewest that lay there since the last Trim().
};

}  // namespace sluice::http::h2
