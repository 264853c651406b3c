#include "proxy/plugins/testing/fixed_request.h"

#include <utility>

#include "api/validate/plugins/registry.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/message.h"

namespace sluice::plugins {
namespace {

constexpr char kKey[] = "a-key-of-usual-length-0123456789";

class UsualStream final : public Stream {
 public:
  UsualStream(int64_t now_ns, const ConsumerTable& consumers, http::Arena& arena)
      : Stream(arena), now_ns_(now_ns), consumers_(consumers) {
    request_.method = "GET";
    request_.method_id = http::Method::kGet;
    request_.authority = "api.example.com";
    request_.path = original_path_ = "/orders/7/items";
    request_.query = "page=2&sort=name";
    http::HeaderMap& headers = request_.headers;
    headers.Reserve(16);
    headers.Add(http::HeaderId::kUserAgent, "Mozilla/5.0 (X11; Linux x86_64)");
    headers.Add(http::HeaderId::kAccept, "*/*");
    headers.Add(http::HeaderId::kOther, "accept-encoding", "gzip, br");
    headers.Add(http::HeaderId::kOther, "accept-language", "en");
    headers.Add(http::HeaderId::kCookie, "session=0123456789abcdef");
    headers.Add(http::HeaderId::kOther, "cache-control", "no-cache");
    headers.Add(http::HeaderId::kOther, "x-tenant", "acme");
    headers.Add(http::HeaderId::kOther, "apikey", kKey);
    response_.headers.Reserve(16);
    response_.headers.Add(http::HeaderId::kContentType, "application/json");
    response_.headers.Add(http::HeaderId::kOther, "etag", "\"abc\"");
    response_.status = 200;
    client_ip_ = net::IpAddress::V4(0x0a000001);
  }

  absl::string_view Capture(absl::string_view name) const override {
    return name == "id" ? "7" : absl::string_view();
  }
  const ConsumerTable& consumers() const override { return consumers_; }
  void Reply(const LocalReply& reply) override { response_.status = reply.status; }
  void Resume() override {}
  int64_t now_ns() const override { return now_ns_; }
  void SetTimer(int64_t delay_ns, TimerFn then, void* state) override {}
  uint64_t Random() override { return random_ = random_ * 6364136223846793005 + 1; }

 private:
  const int64_t now_ns_;
  const ConsumerTable& consumers_;
  uint64_t random_ = 1;
};

}  // namespace

FixedRequest::FixedRequest() {
  harness_.AddConsumer("alice", "gold", kKey);
  harness_.Request("GET", "/");
}

void FixedRequest::Add(absl::string_view name, absl::string_view text) {
  const validate::Plugin* plugin = validate::FindPlugin(name);
  if (plugin == nullptr) internal::Die("no such plugin");
  std::unique_ptr<google::protobuf::Message> config(plugin->prototype->New());
  internal::ParseTextOrDie(text, *config);
  google::protobuf::Any any;
  any.PackFrom(*config);
  absl::StatusOr<Element> element = registry_.Make(name, any, {"Route", "fixed"});
  if (!element.ok()) internal::Die(element.status().message());
  Add(*std::move(element));
}

void FixedRequest::Compile() {
  std::vector<Element> early, late;
  for (const Element& element : elements_) {
    (element.phase <= Phase::kAuthenticate ? early : late).push_back(element);
  }
  SortElements(early, {});
  SortElements(late, {});
  early_ = Chain::Compile(std::move(early));
  late_ = Chain::Compile(std::move(late));
}

int FixedRequest::Run() {
  http::Arena arena(pool_, memory_, memory_ + sizeof(memory_));
  UsualStream stream(/*now_ns=*/1, harness_.stream().consumers(), arena);
  ChainRun run(arena);
  run.Begin(nullptr, early_.get());
  const Action action = run.RunRequestHeadEarly(stream);
  run.SetLate(late_.get());
  if (action == Action::kContinue) run.RunRequestHeadLate(stream);
  run.RunResponseHead(stream);
  run.RunLog(stream);
  return stream.response().status;
}

}  // namespace sluice::plugins
