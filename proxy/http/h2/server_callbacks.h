// What nghttp2 calls. Internal to this folder.
#pragma once

#include <nghttp2/nghttp2.h>

#include "proxy/http/h2/server_connection.h"

namespace sluice::http::h2 {

// `self` is the connection everywhere.
struct ServerConnection::Callbacks {
  static nghttp2_session_callbacks* New();

  static int OnBeginFrame(nghttp2_session* session, const nghttp2_frame_hd* head, void* self);
  static int OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* self);
  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                      nghttp2_rcbuf* value, uint8_t flags, void* self);
  static int OnInvalidHeader(nghttp2_session* session, const nghttp2_frame* frame,
                             const uint8_t* name, size_t name_size, const uint8_t* value,
                             size_t value_size, uint8_t flags, void* self);
  static int OnData(nghttp2_session* session, uint8_t flags, int32_t id, const uint8_t* data,
                    size_t bytes, void* self);
  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* self);
  static int OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame, void* self);
  static int OnFrameNotSent(nghttp2_session* session, const nghttp2_frame* frame, int error,
                            void* self);
  static int OnStreamClose(nghttp2_session* session, int32_t id, uint32_t code, void* self);
  static int SendData(nghttp2_session* session, nghttp2_frame* frame, const uint8_t* head,
                      size_t bytes, nghttp2_data_source* source, void* self);
};

}  // namespace sluice::http::h2
