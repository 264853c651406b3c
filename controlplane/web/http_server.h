// An HTTP server for people and tools, on libmicrohttpd.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "controlplane/tls/server_files.h"
#include "controlplane/web/http.h"

struct MHD_Daemon;

namespace sluice::web {

// One thread serves all connections and waits for none: a connection sleeps until its request has
// been answered.
//
// Thread: any.
class HttpServer {
 public:
  struct Options {
    size_t max_body_bytes = size_t{256} << 20;
    // Of all requests together that are being read or answered; above it 503.
    size_t max_memory_bytes = size_t{512} << 20;
    unsigned max_connections = 512;
    // TLS 1.2 and 1.3 with what is in it; null: cleartext. Clients are asked for a certificate if
    // it says so, and Request::caller says what they showed: none of them is turned away before.
    // Outlives the server.
    tls::ServerFiles* tls = nullptr;
  };

  // `listener` is a socket that listens; the server owns it from now on. `handler` runs on the
  // server's thread and must not wait.
  //   INTERNAL  libmicrohttpd does not start
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(int listener, Options options,
                                                           Handler handler);

  // Ends all connections; waits for requests that are being answered.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

 private:
  friend class Exchange;
  struct Connection;

  HttpServer(Options options, Handler handler) : options_(options), handler_(std::move(handler)) {}

  // What is being answered or read.
  bool Reserve(size_t bytes);
  void Release(size_t bytes);
  // False: no more are begun.
  bool BeginAnswer();
  void EndAnswer();

  const Options options_;
  Handler handler_;

  Mutex mu_;
  CondVar answered_;
  size_t answering_ ABSL_GUARDED_BY(mu_) = 0;
  size_t reserved_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool is_stopping_ ABSL_GUARDED_BY(mu_) = false;

  MHD_Daemon* daemon_ = nullptr;
};

}  // namespace sluice::web
