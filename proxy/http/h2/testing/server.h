// The server's end of an HTTP/2 connection in a test's hand: records what it receives, sends what
// the test says, right or wrong.
//
// Thread: the test's, which calls Poll() in turn with the loop of the code under test.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "proxy/net/socket.h"

namespace sluice::http::h2 {

class TestServer {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  struct Options {
    uint32_t max_streams = 100;
    uint32_t stream_window = 65535;
    // Opens the windows as data comes. Off: the client may send what the first windows allow.
    bool opens_windows = true;
    bool grants_connect = true;  // Extended CONNECT (RFC 8441), and says so.
  };

  struct Request {
    Fields fields;  // Trailers behind the head's.
    std::string body;
    bool has_ended = false;
    bool was_reset = false;
    uint32_t reset_code = 0;

    // The value of the first field of that name; "(none)" if there is none.
    std::string Get(absl::string_view name) const;
  };

  TestServer(net::Fd fd, const Options& options);
  ~TestServer();

  // Takes what has come, sends what there is to send.
  void Poll();

  // Answers with a head that ends the stream, or with a body that does.
  void Respond(int32_t id, const Fields& fields);
  void Respond(int32_t id, const Fields& fields, const std::string& body);
  // Parts of a response. Nothing is checked.
  void SendHead(int32_t id, const Fields& fields);
  void SendBody(int32_t id, const std::string& body, bool end);
  void SendTrailers(int32_t id, const Fields& fields);
  void SendReset(int32_t id, uint32_t code);
  void SendGoaway(int32_t last_id, uint32_t code);
  void SendSettings(uint32_t max_streams);
  void SendRaw(absl::string_view bytes);
  void AllowMore(int32_t id, size_t bytes);
  void Close() { fd_.Close(); }

  // By stream id; ids are 1, 3, 5 ... in the order of the requests.
  std::map<int32_t, Request> requests;
  int pings = 0;
  bool has_goaway = false;
  uint32_t goaway_code = 0;
  bool has_peer_closed = false;

 private:
  struct Body {
    std::string bytes;
    size_t sent = 0;
    bool ends = false;
    bool has_trailers = false;
  };

  void MakeSession(const Options& options);
  void Send();
  static ssize_t ReadBody(nghttp2_session* session, int32_t id, uint8_t* out, size_t size,
                          uint32_t* flags, nghttp2_data_source* source, void* self);

  net::Fd fd_;
  nghttp2_session* session_ = nullptr;
  std::string out_;
  std::map<int32_t, Body> bodies_;
};

}  // namespace sluice::http::h2
