// Runs one request after another through a real chain, with the test in the place of client, clock
// and upstream.
//
//   PluginHarness h;
//   h.AddConsumer("alice", /*group=*/"", /*key=*/"s3cret");
//   h.Add(&MakeKeyAuth, "header: 'x-key'");
//   h.Request("GET", "/a?b=1", {{"x-key", "wrong"}});
//   EXPECT_EQ(h.reply().status, 401);
//   EXPECT_EQ(h.response().headers.Get("www-authenticate"), "Key realm=\"sluice\"");
//
// Plugins are walked as in an exchange: global rules, early part, the late part with the consumer's
// overlay, the request's body, the upstream, and the response's way back. What an exchange does
// besides (the standard body of a reply, framing, forwarded headers) is left out.
//
// Not only for gtest: fuzz targets and benchmarks use it too. What can only be a mistake in the
// test itself (a configuration that cannot be parsed or is refused) ends the process with a
// message.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "google/protobuf/message.h"
#include "proxy/http/arena.h"
#include "proxy/net/buffer.h"
#include "proxy/plugins/chain.h"
#include "proxy/plugins/consumer.h"
#include "proxy/plugins/plugin_info.h"
#include "proxy/plugins/stream.h"

namespace sluice::plugins {

namespace internal {

void ParseTextOrDie(absl::string_view text, google::protobuf::Message& message);
[[noreturn]] void Die(absl::string_view problem);

}  // namespace internal

// A configuration from protobuf's text format.
template <typename Config>
Config ConfigFrom(absl::string_view text) {
  Config config;
  internal::ParseTextOrDie(text, config);
  return config;
}

class PluginHarness {
 public:
  using HeaderList = std::vector<std::pair<std::string, std::string>>;

  PluginHarness();
  ~PluginHarness();
  PluginHarness(const PluginHarness&) = delete;
  PluginHarness& operator=(const PluginHarness&) = delete;

  // What follows, up to Request(), holds for all requests after it.

  // Adds a plugin of the route: `factory` is the plugin's, or a lambda that calls it with what it
  // needs besides; `config` is its configuration in protobuf's text format.
  template <typename Factory>
  void Add(Factory factory, absl::string_view config = "") {
    Add(MadeBy(factory, config));
  }
  void Add(Element element) { route_.push_back(std::move(element)); }
  // The same for a global rule.
  template <typename Factory>
  void AddGlobal(Factory factory, absl::string_view config = "") {
    AddGlobal(MadeBy(factory, config));
  }
  void AddGlobal(Element element) { global_.push_back(std::move(element)); }

  // Somebody whose `key` key_auth accepts, with plugins over those of the route.
  void AddConsumer(absl::string_view name, absl::string_view group, absl::string_view key,
                   std::vector<OverlayPlugins::Overlay> overlays = {});
  // Who sends the requests, as if a plugin had found out. Empty: nobody that is known.
  void SetCaller(absl::string_view name, absl::string_view group = "");
  void SetPluginOrder(std::vector<std::string> names) { plugin_order_ = std::move(names); }
  void SetClient(absl::string_view ip, bool is_peer_trusted = false);
  // Of requests without a header "host". Default: example.com.
  void SetHost(absl::string_view host) { host_ = std::string(host); }
  void SetScheme(absl::string_view scheme) { scheme_ = std::string(scheme); }
  // What the route's pattern holds of the path.
  void SetCaptures(std::map<std::string, std::string> captures) { captures_ = std::move(captures); }
  // What the upstream answers. Default: 200 without headers and body.
  void SetUpstreamResponse(int status, HeaderList headers = {},
                           std::vector<std::string> body_pieces = {});
  // Behind the body of those. Default: none.
  void SetUpstreamTrailers(HeaderList trailers) { upstream_trailers_ = std::move(trailers); }

  // One request from its head to its log, or to the hook where it stands still. The header "host"
  // becomes the authority, "content-length" the length of the body; without it that is unknown.
  void Request(absl::string_view method, absl::string_view target, const HeaderList& headers = {},
               std::vector<std::string> body_pieces = {});
  // The same in two steps, for plugins that answer later: Resume() and Reply() of stream() go on.
  bool is_paused() const { return stage_ != Stage::kNone && stage_ != Stage::kDone; }
  // What a plugin waits for; 0 for nothing. RunTimer() lets that time pass.
  int64_t timer_ns() const { return timer_ns_; }
  void RunTimer();

  // Of the last request.

  // As it goes to the upstream, or as it stands.
  const http::RequestHead& request() const;
  // "/path?query" of it.
  std::string target() const;
  std::string request_body() const { return request_body_; }
  bool was_forwarded() const { return was_forwarded_; }
  // As it goes to the client.
  const http::ResponseHead& response() const;
  std::string response_body() const { return response_body_; }
  // "name: value" and a line break each.
  std::string response_trailers();
  bool has_reply() const { return reply_.has_value(); }
  // What a plugin answered. Dies if none did.
  const LocalReply& reply() const;
  Stream& stream();

  ManualClock& clock() { return clock_; }
  // The next results of Stream::Random(), one for all; by default a counter's hash.
  void SetRandom(uint64_t value) { random_ = value; }

 private:
  class TestStream;
  enum class Stage : uint8_t {
    kNone,
    kEarly,
    kLate,
    kRequestBody,
    kUpstream,
    kResponseHead,
    kResponseBody,
    kDone,
  };

  template <typename Factory>
  static Element MadeBy(Factory& factory, absl::string_view text) {
    using Config = ConfigOf<Factory>;
    absl::StatusOr<Instance> instance = factory(ConfigFrom<Config>(text));
    if (!instance.ok()) internal::Die(instance.status().message());
    return MakeElement(*Config::descriptor(), *std::move(instance));
  }

  void Compile();
  void Begin(absl::string_view method, absl::string_view target, const HeaderList& headers);
  void Reply(const LocalReply& reply);
  void Run();
  // One step; false if the request stands still or is done.
  bool RunStage();
  bool Passed(Action action, Stage next);
  void DecideLate();
  Action RunRequestBody();
  void RunUpstream();
  Action RunResponseBody();

  // Of all requests.
  ManualClock clock_;
  net::BlockPool pool_;
  std::vector<Element> global_;
  std::vector<Element> route_;
  std::vector<std::string> plugin_order_;
  ConsumerTable consumers_;
  Consumer caller_;
  std::map<std::string, std::string> captures_;
  std::string scheme_ = "http";
  std::string host_ = "example.com";
  net::IpAddress client_ip_;
  bool is_peer_trusted_ = false;
  int upstream_status_ = 200;
  HeaderList upstream_headers_;
  std::vector<std::string> upstream_body_;
  HeaderList upstream_trailers_;
  std::optional<uint64_t> random_;
  uint64_t random_calls_ = 0;

  // Of one request, in the order in which they may refer to what stands before.
  std::shared_ptr<const Chain> global_chain_;
  std::shared_ptr<const Chain> early_chain_;
  std::shared_ptr<const Chain> route_late_chain_;
  std::shared_ptr<const Chain> late_chain_;
  char first_memory_[1024];
  std::unique_ptr<http::Arena> arena_;
  std::unique_ptr<TestStream> stream_;
  std::unique_ptr<ChainRun> run_;
  std::optional<LocalReply> reply_;
  std::vector<std::string> request_pieces_;
  std::vector<std::string> response_pieces_;
  size_t next_piece_ = 0;
  net::Buffer held_;  // The piece at which a body hook stands still.
  bool is_held_ = false;
  std::string request_body_;
  std::string response_body_;
  bool was_forwarded_ = false;
  bool is_walking_ = false;
  int64_t timer_ns_ = 0;
  Stream::TimerFn timer_ = nullptr;
  void* timer_state_ = nullptr;
  Stage stage_ = Stage::kNone;
};

}  // namespace sluice::plugins
