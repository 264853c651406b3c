#include "proxy/plugins/testing/plugin_harness.h"

#include <nettle/sha2.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "proxy/http/rules.h"

namespace sluice::plugins {
namespace internal {

void Die(absl::string_view problem) {
  std::fprintf(stderr, "%s\n", std::string(problem).c_str());
  std::abort();
}

void ParseTextOrDie(absl::string_view text, google::protobuf::Message& message) {
  if (!google::protobuf::TextFormat::ParseFromString(std::string(text), &message)) {
    Die(absl::StrCat("not a ", message.GetTypeName(), ": ", text));
  }
}

}  // namespace internal

namespace {

// Text of the test becomes text that lives with the request, as a codec's does.
void AddAll(const PluginHarness::HeaderList& from, http::HeaderMap& to) {
  for (const auto& [name, value] : from) {
    to.Add(to.arena().Copy(absl::AsciiStrToLower(name)), to.arena().Copy(value));
  }
}

// As a codec says it, which takes the header out.
http::BodySize TakeBodySize(http::HeaderMap& headers, bool has_body) {
  const auto length = http::ParseContentLength(headers.Get(http::HeaderId::kContentLength));
  headers.Remove(http::HeaderId::kContentLength);
  if (length) return http::BodySize::Length(*length);
  return has_body ? http::BodySize::Unknown() : http::BodySize::None();
}

std::vector<std::string> Joined(const std::vector<std::string>& pieces) {
  std::string whole;
  for (const std::string& piece : pieces) whole += piece;
  return {whole};
}

}  // namespace

class PluginHarness::TestStream final : public Stream {
 public:
  TestStream(PluginHarness& harness, http::Arena& arena) : Stream(arena), harness_(harness) {
    static const std::string route = "route";
    static const std::string upstream = "upstream";
    route_name_ = &route;
    upstream_name_ = &upstream;
    listener_name_ = "listener";
    scheme_ = harness.scheme_;
    client_ip_ = harness.client_ip_;
    is_peer_trusted_ = harness.is_peer_trusted_;
    if (!harness.caller_.name.empty()) SetConsumer(harness.caller_, "test");
  }

  void SetTarget(absl::string_view method, absl::string_view target) {
    request_.method = arena().Copy(method);
    request_.method_id = http::ParseMethod(method);
    target = arena().Copy(target);
    const size_t mark = target.find('?');
    request_.path = original_path_ = target.substr(0, mark);
    if (mark != absl::string_view::npos) request_.query = target.substr(mark + 1);
  }

  absl::string_view Capture(absl::string_view name) const override {
    const auto found = harness_.captures_.find(std::string(name));
    return found == harness_.captures_.end() ? absl::string_view() : found->second;
  }
  const ConsumerTable& consumers() const override { return harness_.consumers_; }

  void Reply(const LocalReply& reply) override { harness_.Reply(reply); }
  void Resume() override { harness_.Run(); }

  void SetTimer(int64_t delay_ns, TimerFn then, void* state) override {
    harness_.timer_ns_ = delay_ns;
    harness_.timer_ = then;
    harness_.timer_state_ = state;
  }
  void SetLocal() { is_local_ = true; }
  void SetTrailers(http::HeaderMap* trailers) { response_trailers_ = trailers; }

  int64_t now_ns() const override { return harness_.clock_.MonotonicNanos(); }
  uint64_t Random() override {
    // As splitmix64 does it: well spread, and the same in every run.
    return harness_.random_.value_or(++harness_.random_calls_ * 0x9e3779b97f4a7c15);
  }

 private:
  PluginHarness& harness_;
};

PluginHarness::PluginHarness() : pool_(16 << 20) { SetClient("192.0.2.1"); }

PluginHarness::~PluginHarness() {
  run_.reset();
  stream_.reset();
}

void PluginHarness::AddConsumer(absl::string_view name, absl::string_view group,
                                absl::string_view key,
                                std::vector<OverlayPlugins::Overlay> overlays) {
  auto consumer = std::make_shared<Consumer>();
  consumer->name = std::string(name);
  consumer->group = std::string(group);
  if (!overlays.empty()) {
    consumer->overlay = std::make_shared<OverlayPlugins>(std::move(overlays));
  }
  sha256_ctx context;
  sha256_init(&context);
  sha256_update(&context, key.size(), reinterpret_cast<const uint8_t*>(key.data()));
  uint8_t digest[SHA256_DIGEST_SIZE];
  sha256_digest(&context, sizeof(digest), digest);
  consumers_.Insert("key_auth",
                    absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)),
                    std::move(consumer));
}

void PluginHarness::SetCaller(absl::string_view name, absl::string_view group) {
  caller_.name = std::string(name);
  caller_.group = std::string(group);
}

void PluginHarness::SetClient(absl::string_view ip, bool is_peer_trusted) {
  const std::optional<net::IpAddress> address = net::IpAddress::Parse(ip);
  if (!address) internal::Die(absl::StrCat("not an address: ", ip));
  client_ip_ = *address;
  is_peer_trusted_ = is_peer_trusted;
}

void PluginHarness::SetUpstreamResponse(int status, HeaderList headers,
                                        std::vector<std::string> body_pieces) {
  upstream_status_ = status;
  upstream_headers_ = std::move(headers);
  upstream_body_ = std::move(body_pieces);
}

void PluginHarness::Compile() {
  std::vector<Element> global = global_;
  SortElements(global, {});
  global_chain_ = Chain::Compile(std::move(global));
  std::vector<Element> early, late;
  for (const Element& element : route_) {
    (element.phase <= Phase::kAuthenticate ? early : late).push_back(element);
  }
  SortElements(early, plugin_order_);
  SortElements(late, plugin_order_);
  early_chain_ = Chain::Compile(std::move(early));
  route_late_chain_ = Chain::Compile(std::move(late));
}

void PluginHarness::Begin(absl::string_view method, absl::string_view target,
                          const HeaderList& headers) {
  run_.reset();
  stream_.reset();
  arena_ = std::make_unique<http::Arena>(pool_, std::begin(first_memory_), std::end(first_memory_));
  stream_ = std::make_unique<TestStream>(*this, *arena_);
  stream_->SetTarget(method, target);
  http::RequestHead& head = stream_->request();
  AddAll(headers, head.headers);
  // A codec gives the host in a field of its own, and no header of that name.
  const absl::string_view host = head.headers.Get(http::HeaderId::kHost);
  head.authority = host.empty() ? absl::string_view(host_) : host;
  head.headers.Remove(http::HeaderId::kHost);
  reply_.reset();
  request_body_.clear();
  response_body_.clear();
  was_forwarded_ = is_held_ = false;
  held_.Clear();
  next_piece_ = 0;
  timer_ns_ = 0;
}

void PluginHarness::RunTimer() {
  clock_.Advance(absl::Nanoseconds(timer_ns_));
  timer_ns_ = 0;
  timer_(timer_state_, *stream_);
}

void PluginHarness::Request(absl::string_view method, absl::string_view target,
                            const HeaderList& headers, std::vector<std::string> body_pieces) {
  Begin(method, target, headers);
  Compile();
  run_ = std::make_unique<ChainRun>(*arena_);
  run_->Begin(global_chain_.get(), early_chain_.get());
  request_pieces_ = std::move(body_pieces);
  stream_->request().body = TakeBodySize(stream_->request().headers, !request_pieces_.empty());
  stage_ = Stage::kEarly;
  Run();
}

const http::RequestHead& PluginHarness::request() const { return stream_->request(); }

std::string PluginHarness::target() const {
  const http::RequestHead& head = stream_->request();
  return head.query ? absl::StrCat(head.path, "?", *head.query) : std::string(head.path);
}

const http::ResponseHead& PluginHarness::response() const { return stream_->response(); }

const LocalReply& PluginHarness::reply() const {
  if (!reply_) internal::Die("no plugin replied");
  return *reply_;
}

Stream& PluginHarness::stream() { return *stream_; }

void PluginHarness::Reply(const LocalReply& reply) {
  if (reply_ || stage_ >= Stage::kUpstream) return;
  reply_ = reply;
  // From a timer, not from a hook: nobody else goes on with it.
  if (!is_walking_) {
    DecideLate();
    stage_ = Stage::kUpstream;
    Run();
  }
}

void PluginHarness::Run() {
  is_walking_ = true;
  while (RunStage()) {
  }
  is_walking_ = false;
}

bool PluginHarness::RunStage() {
  switch (stage_) {
    case Stage::kNone:
    case Stage::kDone:
      return false;
    case Stage::kEarly:
      return Passed(run_->RunRequestHeadEarly(*stream_), Stage::kLate);
    case Stage::kLate:
      DecideLate();
      return Passed(run_->RunRequestHeadLate(*stream_), Stage::kRequestBody);
    case Stage::kRequestBody:
      return Passed(RunRequestBody(), Stage::kUpstream);
    case Stage::kUpstream:
      RunUpstream();
      stage_ = Stage::kResponseHead;
      return true;
    case Stage::kResponseHead:
      return Passed(run_->RunResponseHead(*stream_), Stage::kResponseBody);
    case Stage::kResponseBody:
      if (!Passed(RunResponseBody(), Stage::kDone)) return false;
      run_->RunLog(*stream_);
      return false;
  }
  return false;
}

bool PluginHarness::Passed(Action action, Stage next) {
  if (reply_ && stage_ < Stage::kUpstream) {
    // Plugins behind the one that answers shape the answer too: "response" of `headers` is for all
    // that goes to the client. Without a consumer those are the route's own.
    DecideLate();
    stage_ = Stage::kUpstream;
    return true;
  }
  if (action == Action::kStop) return false;
  stage_ = next;
  return true;
}

void PluginHarness::DecideLate() {
  if (run_->has_late()) return;
  const Consumer* consumer = stream_->consumer();
  late_chain_ = consumer == nullptr || consumer->overlay == nullptr
                    ? route_late_chain_
                    : consumer->overlay->Over(*route_late_chain_, plugin_order_);
  run_->SetLate(late_chain_.get());
}

Action PluginHarness::RunRequestBody() {
  if (request_pieces_.empty() && stream_->request().body.has_bytes()) request_pieces_ = {""};
  const BodyMode mode = run_->request_body();
  if (mode.kind == BodyMode::Kind::kWhole && next_piece_ == 0 && !is_held_) {
    request_pieces_ = Joined(request_pieces_);
    if (request_pieces_[0].size() > mode.max_bytes) {
      Reply({.status = 413, .details = "request_body_too_large"});
      return Action::kStop;
    }
  }
  while (next_piece_ < request_pieces_.size()) {
    const bool end = next_piece_ + 1 == request_pieces_.size();
    if (!is_held_) held_.AppendCopy(pool_, request_pieces_[next_piece_]);
    is_held_ = true;
    if (mode.kind != BodyMode::Kind::kNone &&
        run_->RunRequestBody(held_, end, *stream_) == Action::kStop) {
      return Action::kStop;
    }
    request_body_ += held_.ToString();
    held_.Clear();
    is_held_ = false;
    ++next_piece_;
  }
  return Action::kContinue;
}

std::string PluginHarness::response_trailers() {
  std::string text;
  if (stream_->response_trailers() == nullptr) return text;
  stream_->response_trailers()->ForEach([&text](const http::HeaderMap::Entry& entry) {
    absl::StrAppend(&text, entry.name(), ": ", entry.value(), "\n");
  });
  return text;
}

void PluginHarness::RunUpstream() {
  http::ResponseHead& head = stream_->response();
  held_.Clear();
  is_held_ = false;
  next_piece_ = 0;
  if (reply_) {
    stream_->SetLocal();
    head.status = reply_->status;
    response_pieces_ = {std::string(reply_->body)};
    if (!reply_->body.empty()) head.headers.Set("content-type", reply_->content_type);
    return;
  }
  was_forwarded_ = true;
  head.status = upstream_status_;
  AddAll(upstream_headers_, head.headers);
  head.body = TakeBodySize(head.headers, !upstream_body_.empty());
  response_pieces_ = upstream_body_;
  if (upstream_trailers_.empty()) return;
  void* memory = arena_->Allocate(sizeof(http::HeaderMap), alignof(http::HeaderMap));
  auto* trailers = new (memory) http::HeaderMap(*arena_);
  AddAll(upstream_trailers_, *trailers);
  stream_->SetTrailers(trailers);
}

Action PluginHarness::RunResponseBody() {
  const BodyMode mode = run_->response_body();
  if (mode.kind == BodyMode::Kind::kWhole && next_piece_ == 0 && !is_held_) {
    response_pieces_ = Joined(response_pieces_);
  }
  while (next_piece_ < response_pieces_.size()) {
    const bool end = next_piece_ + 1 == response_pieces_.size();
    if (!is_held_) held_.AppendCopy(pool_, response_pieces_[next_piece_]);
    is_held_ = true;
    if (mode.kind != BodyMode::Kind::kNone &&
        run_->RunResponseBody(held_, end, *stream_) == Action::kStop) {
      return Action::kStop;
    }
    response_body_ += held_.ToString();
    held_.Clear();
    is_held_ = false;
    ++next_piece_;
  }
  return Action::kContinue;
}

}  // namespace sluice::plugins
