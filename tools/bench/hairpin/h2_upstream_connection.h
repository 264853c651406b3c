// One accepted HTTP/2 connection of the upstream, by prior knowledge: answers every request with
// the same response.
#pragma once

#include <nghttp2/nghttp2.h>

#include <string>
#include <utility>
#include <vector>

#include "tools/bench/hairpin/transport.h"
#include "tools/bench/hairpin/upstream_options.h"

namespace sluice::hairpin {

struct H2Response {
  static H2Response Of(const UpstreamOptions& options);

  using Fields = std::vector<std::pair<std::string, std::string>>;
  Fields fields;
  std::string body;
  Fields trailers;
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
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self);

  Host& host_;
  const H2Response& response_;
  Transport transport_;
  nghttp2_session* session_ = nullptr;
  std::string unsent_;
};

}  // namespace sluice::hairpin
