// HTTP/2 towards the proxy under test: a connection, and its streams as lanes.
#pragma once

#include <nghttp2/nghttp2.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/bench/hairpin/lane.h"

namespace sluice::hairpin {

class H2Session;

// One request at a time, each a stream of its own.
class H2Lane final : public Lane {
 public:
  explicit H2Lane(H2Session& session) : session_(session) {}

  void Begin(uint32_t request, int64_t due, int64_t now) override;
  void FailIfOlderThan(int64_t moment) override;

 private:
  friend class H2Session;

  void OnField(absl::string_view name, absl::string_view value, bool is_trailer);
  void OnClose(uint32_t error);
  void Fail(Failure failure);

  H2Session& session_;
  int32_t stream_ = 0;  // 0: idle.
  int64_t due_ = 0;
  int64_t begun_ = 0;
  int status_ = 0;
  uint64_t body_bytes_ = 0;
  size_t sent_ = 0;  // Of the plan's body.
  bool has_grpc_ok_ = false;
};

// Thread: the loop's. Lifetime: within its host's, and outlives its lanes' requests.
class H2Session final : private Source {
 public:
  explicit H2Session(Lane::Host& host);
  ~H2Session() override;

  // Opens a stream, and the connection if there is none. False if that failed.
  bool Begin(H2Lane& lane, uint32_t request);
  // Gives up on a stream.
  void Cancel(int32_t stream);
  // Sends what has been begun. To be called every turn: what begins together leaves together.
  void Flush();

  Lane::Host& host() { return host_; }

 private:
  bool Open();
  void OnEvents(uint32_t events) override;
  void Read();
  void Close(Failure failure);

  static ssize_t ReadBody(nghttp2_session*, int32_t, uint8_t* out, size_t size, uint32_t* flags,
                          nghttp2_data_source* source, void* self);
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t, void*);
  static int OnData(nghttp2_session*, uint8_t, int32_t stream, const uint8_t*, size_t size, void*);
  static int OnStreamClose(nghttp2_session*, int32_t stream, uint32_t error, void*);

  Lane::Host& host_;
  const uint32_t source_;
  Transport transport_;
  nghttp2_session* session_ = nullptr;
  std::vector<H2Lane*> active_;
  std::string unsent_;
  bool is_dirty_ = false;
  bool is_reading_ = false;
};

}  // namespace sluice::hairpin
