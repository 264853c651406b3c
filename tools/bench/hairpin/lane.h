// What carries one request at a time: a connection in HTTP/1.1, a stream of one in HTTP/2.
#pragma once

#include <cstdint>

#include "tools/bench/hairpin/load.h"
#include "tools/bench/hairpin/loop.h"
#include "tools/bench/hairpin/request_plan.h"
#include "tools/bench/hairpin/tls_client.h"
#include "tools/bench/hairpin/transport.h"

namespace sluice::hairpin {

// What every lane knows of its load.
struct LaneOptions {
  sockaddr_in target = {};
  bool connect_per_request = false;
  uint32_t source_addresses = 0;  // Connect from 127.0.0.1 up to 127.0.0.N in turn; 0: anywhere.
  int expect_status = 200;
  uint64_t expect_body_bytes = 128;
  bool expect_grpc = false;  // A trailer "grpc-status: 0".
  uint32_t streams = 0;      // HTTP/2, so many at once on a connection; 0: HTTP/1.1.
  TlsClient* tls = nullptr;  // Null: in the clear.
};

class Lane {
 public:
  // Who gives it requests, and is told what became of them.
  class Host {
   public:
    virtual void OnConnecting() = 0;
    virtual void OnClosedWhileIdle() = 0;
    virtual void OnCompleted(int64_t due) = 0;
    virtual void OnFailed(Lane& lane, Failure failure) = 0;
    // It may be given another, also within this call.
    virtual void OnFree(Lane& lane) = 0;
    virtual uint32_t NextSource() = 0;

    virtual Loop& loop() = 0;
    virtual const RequestPlan& plan() const = 0;
    virtual const LaneOptions& lane_options() const = 0;

   protected:
    ~Host() = default;
  };

  virtual ~Lane() = default;
  // `request` is an index of the plan. `due` comes back; `now` is when it is given.
  virtual void Begin(uint32_t request, int64_t due, int64_t now) = 0;
  virtual void FailIfOlderThan(int64_t moment) = 0;
};

}  // namespace sluice::hairpin
