#include "tools/fleetsim/simulated_proxy.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/client_callback.h>

#include <deque>
#include <utility>

#include "absl/time/clock.h"
#include "base/mutex.h"
#include "base/version.h"
#include "sluice/v1/config_stream.grpc.pb.h"

namespace sluice::fleetsim {
namespace {

absl::Time ToTime(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& server) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // A connection of its own.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

class SimulatedProxy::Stream final
    : public grpc::ClientBidiReactor<v1::ProxyMessage, v1::ControlMessage> {
 public:
  Stream(const std::string& server, const v1::ProxyMessage& hello, FleetLog& log)
      : log_(log), channel_(OpenChannel(server)), stub_(v1::ConfigStream::NewStub(channel_)) {
    if (hello.hello().has_active()) held_ = hello.hello().active();
    stub_->async()->Sync(&context_, this);
    {
      MutexLock lock(mu_);
      Say(hello);
    }
    StartRead(&incoming_);
    StartCall();
  }

  void End() {
    context_.TryCancel();
    MutexLock lock(mu_);
    while (!is_done_) done_.Wait(mu_);
  }

  std::optional<v1::Generation> held() {
    MutexLock lock(mu_);
    return held_;
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    log_.OnMessage(incoming_.ByteSizeLong());
    if (incoming_.has_welcome()) log_.OnWelcome();
    if (incoming_.has_update()) OnPart(incoming_.update());
    StartRead(&incoming_);
  }

  void OnPart(const v1::Update& part) {
    if (part.has_to()) {
      to_ = part.to();
      committed_at_ = ToTime(part.committed_at());
      log_.OnUpdate(!part.has_from());
    }
    if (!part.last()) return;
    v1::ProxyMessage status;
    *status.mutable_status()->mutable_generation() = to_;
    MutexLock lock(mu_);
    status.mutable_status()->set_phase(v1::Status::RECEIVED);
    Say(status);
    status.mutable_status()->set_phase(v1::Status::ACTIVE);
    Say(status);
    const uint64_t from = held_.has_value() ? held_->number() : to_.number() - 1;
    held_ = to_;
    log_.OnActive(from, to_.number(), committed_at_, absl::Now());
  }

  void Say(const v1::ProxyMessage& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    outgoing_.push_back(message);
    if (outgoing_.size() == 1) StartWrite(&outgoing_.front());
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(mu_);
    outgoing_.pop_front();
    if (ok && !outgoing_.empty()) StartWrite(&outgoing_.front());
  }

  void OnDone(const grpc::Status&) override {
    log_.OnEnd();
    MutexLock lock(mu_);
    is_done_ = true;
    done_.Signal();
  }

  FleetLog& log_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::ConfigStream::Stub> stub_;
  grpc::ClientContext context_;

  // Of the read that is under way.
  v1::ControlMessage incoming_;
  v1::Generation to_;
  absl::Time committed_at_;

  Mutex mu_;
  CondVar done_;
  std::deque<v1::ProxyMessage> outgoing_ ABSL_GUARDED_BY(mu_);  // The first is being written.
  std::optional<v1::Generation> held_ ABSL_GUARDED_BY(mu_);
  bool is_done_ ABSL_GUARDED_BY(mu_) = false;
};

SimulatedProxy::SimulatedProxy(std::string server, std::string node,
                               std::vector<std::string> plugins, FleetLog& log)
    : server_(std::move(server)), node_(std::move(node)), plugins_(std::move(plugins)), log_(log) {}

SimulatedProxy::~SimulatedProxy() { Disconnect(); }

void SimulatedProxy::Connect(const std::optional<v1::Generation>& held) {
  v1::ProxyMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_node(node_);
  hello.add_groups("fleetsim");
  hello.set_build("fleetsim");
  hello.set_schema(kSchema);
  hello.mutable_plugins()->Add(plugins_.begin(), plugins_.end());
  hello.set_started_at_ns(1);
  hello.set_instance(1);
  if (held.has_value()) *hello.mutable_active() = *held;
  stream_ = std::make_unique<Stream>(server_, message, log_);
}

void SimulatedProxy::Disconnect() {
  if (stream_ == nullptr) return;
  stream_->End();
  stream_.reset();
}

std::optional<v1::Generation> SimulatedProxy::held() const {
  return stream_ == nullptr ? std::nullopt : stream_->held();
}

}  // namespace sluice::fleetsim
