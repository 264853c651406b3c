#include "controlplane/fleet/fleet_service.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/fleet/fleet.h"
#include "controlplane/rpc/status.h"
#include "controlplane/rpc/write_stream.h"
#include "sluice/v1/fleet.grpc.pb.h"

namespace sluice::fleet {
namespace {

constexpr absl::Duration kDefaultWait = absl::Seconds(30);
constexpr absl::Duration kMaxWait = absl::Hours(1);

// Parts of a page that may wait for the one who asked for it: 64 KiB each.
constexpr size_t kMaxPageBacklog = 64;

template <typename Field>
std::vector<std::string> ToVector(const Field& field) {
  return {field.begin(), field.end()};
}

class ListCall final : public rpc::WriteStream<v1::ProxyStatus> {
 public:
  ListCall(Fleet& fleet, std::vector<std::string> groups)
      : WriteStream(fleet.loop()), fleet_(fleet), groups_(std::move(groups)) {}

 private:
  void Begin() override {
    for (v1::ProxyStatus& status : fleet_.List(groups_)) Write(std::move(status));
    Finish(absl::OkStatus());
  }

  Fleet& fleet_;
  const std::vector<std::string> groups_;
};

// Keeps the names of what has changed, not the changes: a slow client misses states, not proxies.
class WatchCall final : public rpc::WriteStream<v1::ProxyStatus> {
 public:
  WatchCall(Fleet& fleet, std::vector<std::string> groups)
      : WriteStream(fleet.loop()), fleet_(fleet), groups_(std::move(groups)) {}

 private:
  void Begin() override {
    for (v1::ProxyStatus& status : fleet_.List(groups_)) Write(std::move(status));
    subscription_ = fleet_.Watch([this](const std::string& node) {
      changed_.insert(node);
      if (backlog() == 0) OnDrained();
    });
  }

  void OnDrained() override {
    std::set<std::string> changed;
    changed.swap(changed_);
    for (const std::string& node : changed) {
      std::optional<v1::ProxyStatus> status = fleet_.Find(node);
      if (status.has_value() && IsWanted(*status)) Write(std::move(*status));
    }
  }

  bool IsWanted(const v1::ProxyStatus& status) const {
    return IsInGroups(ToVector(status.groups()), groups_);
  }

  Fleet& fleet_;
  const std::vector<std::string> groups_;
  std::set<std::string> changed_;
  std::unique_ptr<Subscription> subscription_;
};

class WaitCall final : public rpc::WriteStream<v1::WaitForGenerationResponse> {
 public:
  WaitCall(Fleet& fleet, const v1::WaitForGenerationRequest& request)
      : WriteStream(fleet.loop()),
        fleet_(fleet),
        request_(request),
        timer_(fleet.loop(), [this] { OnTimeout(); }) {}

 private:
  void Begin() override {
    if (request_.generation() == 0) {
      return Finish(absl::InvalidArgumentError("generation: required"));
    }
    absl::Duration timeout = kDefaultWait;
    if (request_.has_timeout()) {
      timeout = absl::Seconds(request_.timeout().seconds()) +
                absl::Nanoseconds(request_.timeout().nanos());
    }
    if (timeout < absl::ZeroDuration() || timeout > kMaxWait) {
      return Finish(absl::InvalidArgumentError("timeout: must be 0s to 1h"));
    }
    timer_.Arm(timeout);
    wait_ = fleet_.WaitFor(request_.generation(), ToVector(request_.groups()), [this] {
      has_changed_ = true;
      if (backlog() == 0) OnDrained();
    });
    has_changed_ = wait_->is_committed();
    OnDrained();
  }

  void OnDrained() override {
    if (!has_changed_ || is_finished()) return;
    has_changed_ = false;
    const bool is_done = wait_->is_done();
    Write(wait_->Describe(is_done));
    if (is_done) Finish(absl::OkStatus());
  }

  void OnTimeout() {
    if (is_finished()) return;
    if (!wait_->is_committed()) {
      return Finish(absl::DeadlineExceededError(
          absl::StrCat("generation ", request_.generation(), " has not been committed")));
    }
    Write(wait_->Describe(true));
    Finish(absl::OkStatus());
  }

  Fleet& fleet_;
  const v1::WaitForGenerationRequest request_;
  loop::Timer timer_;
  bool has_changed_ = false;
  std::unique_ptr<Waits::Wait> wait_;
};

class PageCall final : public rpc::WriteStream<v1::AdminPageResponse> {
 public:
  PageCall(Fleet& fleet, const v1::AdminPageRequest& request)
      : WriteStream(fleet.loop()), fleet_(fleet), request_(request) {}
  ~PageCall() override {
    if (sink_ != nullptr) sink_->call = nullptr;
  }

 private:
  // Whichever of the two goes first tells the other.
  struct Sink final : PageRelay::Sink {
    explicit Sink(PageCall* owner) : call(owner) { call->sink_ = this; }
    ~Sink() override {
      if (call != nullptr) call->sink_ = nullptr;
    }
    absl::Status OnPart(v1::AdminPageResponse part) override {
      if (call == nullptr) return absl::CancelledError();
      if (call->backlog() >= kMaxPageBacklog) {
        return absl::ResourceExhaustedError("the page is not read as fast as it comes");
      }
      call->Write(std::move(part));
      return absl::OkStatus();
    }
    void OnEnd(absl::Status status) override {
      if (call != nullptr) call->Finish(std::move(status));
    }
    PageCall* call;
  };

  void Begin() override {
    const std::string& path = request_.path();
    if (path.empty() || path[0] != '/' || path.size() > 2048) {
      return Finish(
          absl::InvalidArgumentError("path: must start with \"/\" and have at most 2048 bytes"));
    }
    absl::Status status = fleet_.FetchPage(request_.node(), path, std::make_unique<Sink>(this));
    if (!status.ok()) Finish(std::move(status));
  }

  Fleet& fleet_;
  const v1::AdminPageRequest request_;
  Sink* sink_ = nullptr;
};

class Service final : public v1::Fleet::CallbackService {
 public:
  explicit Service(Fleet& fleet) : fleet_(fleet) {}

  grpc::ServerWriteReactor<v1::ProxyStatus>* ListProxies(
      grpc::CallbackServerContext*, const v1::ListProxiesRequest* request) override {
    return ListCall::Start(std::make_unique<ListCall>(fleet_, ToVector(request->groups())));
  }

  grpc::ServerWriteReactor<v1::ProxyStatus>* WatchProxies(
      grpc::CallbackServerContext*, const v1::ListProxiesRequest* request) override {
    return WatchCall::Start(std::make_unique<WatchCall>(fleet_, ToVector(request->groups())));
  }

  grpc::ServerWriteReactor<v1::WaitForGenerationResponse>* WaitForGeneration(
      grpc::CallbackServerContext*, const v1::WaitForGenerationRequest* request) override {
    return WaitCall::Start(std::make_unique<WaitCall>(fleet_, *request));
  }

  grpc::ServerWriteReactor<v1::AdminPageResponse>* AdminPage(
      grpc::CallbackServerContext*, const v1::AdminPageRequest* request) override {
    return PageCall::Start(std::make_unique<PageCall>(fleet_, *request));
  }

  grpc::ServerUnaryReactor* Forget(grpc::CallbackServerContext* context,
                                   const v1::ForgetRequest* request, v1::ForgetResponse*) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    fleet_.loop().Post([this, reactor, node = request->node()] {
      fleet_.Forget(
          node, [reactor](const absl::Status& status) { reactor->Finish(rpc::ToGrpc(status)); });
    });
    return reactor;
  }

 private:
  Fleet& fleet_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeFleetService(Fleet& fleet) {
  return std::make_unique<Service>(fleet);
}

}  // namespace sluice::fleet
