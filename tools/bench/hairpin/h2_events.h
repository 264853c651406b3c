// Streams of gRPC messages, many on an HTTP/2 connection.
#pragma once

#include <nghttp2/nghttp2.h>

#include <string>
#include <vector>

#include "tools/bench/hairpin/event_client.h"
#include "tools/bench/hairpin/stamp.h"

namespace sluice::hairpin {

// Thread: the loop's. Lifetime: within that of all it was given.
class H2Events final : public EventConnection, private Source {
 public:
  H2Events(Loop& loop, Host& host, const LaneOptions& lane, const EventOptions& events,
           const RequestPlan& plan);
  ~H2Events() override;

  void Open() override;
  void Send(uint32_t stream, int64_t now) override;
  void Flush() override;

 private:
  struct Stream {
    int32_t id = 0;
    std::string unsent;
    StampReader stamps;
  };

  void OnEvents(uint32_t events) override;
  void Read();
  void Fail(Failure failure);

  static ssize_t ReadBody(nghttp2_session*, int32_t, uint8_t* out, size_t size, uint32_t* flags,
                          nghttp2_data_source* source, void*);
  static int OnData(nghttp2_session* session, uint8_t, int32_t stream, const uint8_t* data,
                    size_t size, void* self);
  static int OnStreamClose(nghttp2_session*, int32_t stream, uint32_t, void* self);

  Loop& loop_;
  Host& host_;
  const LaneOptions& lane_;
  const EventOptions& events_;
  const RequestPlan& plan_;
  Transport transport_;
  nghttp2_session* session_ = nullptr;
  std::vector<Stream> streams_;
  std::string unsent_;
};

}  // namespace sluice::hairpin
