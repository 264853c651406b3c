// One accepted HTTP/2 connection of the upstream, by prior knowledge: answers every request with
// the same response, or with what it sends.
#pragma once

#include <nghttp2/nghttp2.h>

#include <map>
#include <string>

#include "tools/bench/hairpin/h2_output.h"
#include "tools/bench/hairpin/upstream_options.h"

namespace sluice::hairpin {

struct H2Response {
  static H2Response Of(const UpstreamOptions& options);

  H2Fields fields;
  std::string body;
  H2Fields trailers;
  bool echoes = false;  // Sends back what comes instead, as it comes.
};

// Thread: the loop's. Lifetime: within its host's and the response's.
class H2UpstreamConnection final : public Source {
 public:
  class Host {
   public:
    virtual void OnRequest() = 0;
    virtual void OnBroken() = 0;
    virtual void OnClosed(Source& connection) = 0;

   protected:
    ~Host() = default;
  };

  H2UpstreamConnection(Host& host, const H2Response& response, int fd);
  ~H2UpstreamConnection() override;

  void OnEvents(uint32_t events) override;

 private:
  bool Read();
  bool Flush();
  void Close();
  void Answer(int32_t stream);

  static ssize_t ReadBody(nghttp2_session* session, int32_t stream, uint8_t* out, size_t size,
                          uint32_t* flags, nghttp2_data_source*, void* self);
  static ssize_t ReadEcho(nghttp2_session*, int32_t stream, uint8_t* out, size_t size,
                          uint32_t* flags, nghttp2_data_source*, void* self);
  static int OnData(nghttp2_session* session, uint8_t, int32_t stream, const uint8_t* data,
                    size_t size, void* self);
  static int OnStreamClose(nghttp2_session*, int32_t stream, uint32_t, void* self);
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self);

  Host& host_;
  const H2Response& response_;
  Transport transport_;
  nghttp2_session* session_ = nullptr;
  std::string unsent_;
  std::map<int32_t, std::string> echoes_;  // By stream, what is to be sent back.
};

}  // namespace sluice::hairpin
