#include "tools/bench/fleet/sim_proxy.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <deque>
#include <utility>

#include "absl/time/clock.h"
#include "base/mutex.h"
#include "base/version.h"
#include "sluice/v1/config_stream.grpc.pb.h"

namespace sluice::fleet_sim {
namespace {

std::shared_ptr<grpc::Channel> OwnConnection(const std::string& target) {
  grpc::ChannelArguments arguments;
  // gRPC would carry all streams of a process over one connection; proxies have one each.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(16 << 20);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

}  // namespace

// What outlives a stream: the generation that the proxy serves, and counts.
struct SimProxy::Held {
  std::atomic<uint64_t> update_bytes = 0;
  std::atomic<uint64_t> updates = 0;
  std::atomic<uint64_t> full_updates = 0;
  v1::Generation generation;  // Read while no stream is open, written by the stream's reads.
};

// One stream. gRPC calls its methods one after the other for reads, and apart from that for writes;
// what both touch is guarded.
class SimProxy::Stream final
    : public grpc::ClientBidiReactor<v1::ProxyMessage, v1::ControlMessage> {
 public:
  Stream(const std::string& target, const std::string& node, Held& held, Observer& observer)
      : stub_(v1::ConfigStream::NewStub(OwnConnection(target))), held_(held), observer_(observer) {
    stub_->async()->Sync(&context_, this);
    Write(Hello(node));
    StartRead(&incoming_);
    StartCall();
  }

  void Cancel() { context_.TryCancel(); }

 private:
  v1::ProxyMessage Hello(const std::string& node) {
    v1::ProxyMessage message;
    v1::Hello& hello = *message.mutable_hello();
    hello.set_node(node);
    hello.set_build(std::string(kVersion));
    hello.set_schema(kSchema);
    for (const char* plugin : {"consumer_restriction", "headers", "ip_restriction", "key_auth",
                               "limit_count", "redirect", "request_id", "respond", "rewrite"}) {
      hello.add_plugins(plugin);
    }
    hello.set_started_at_ns(static_cast<uint64_t>(absl::GetCurrentTimeNanos()));
    hello.set_instance(reinterpret_cast<uintptr_t>(this));
    if (held_.generation.number() > 0) {
      *hello.mutable_active() = held_.generation;
      *hello.mutable_persisted() = held_.generation;
    }
    return message;
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (incoming_.has_welcome()) {
      observer_.OnWelcome();
    } else if (incoming_.has_update()) {
      OnUpdate(incoming_.update());
    }
    StartRead(&incoming_);
  }

  void OnUpdate(const v1::Update& part) {
    held_.update_bytes += part.ByteSizeLong();
    if (part.has_to()) {
      coming_ = part.to();
      committed_at_ = FromProto(part.committed_at());
      ++held_.updates;
      if (!part.has_from()) ++held_.full_updates;
    }
    if (!part.last()) return;
    held_.generation = coming_;
    WriteStatus(v1::Status::RECEIVED);
    WriteStatus(v1::Status::ACTIVE);
    observer_.OnActive(coming_.number(), committed_at_, absl::Now());
  }

  void WriteStatus(v1::Status::Phase phase) {
    v1::ProxyMessage message;
    *message.mutable_status()->mutable_generation() = coming_;
    message.mutable_status()->set_phase(phase);
    Write(std::move(message));
  }

  void Write(v1::ProxyMessage message) {
    MutexLock lock(mu_);
    outgoing_.push_back(std::move(message));
    if (outgoing_.size() == 1) StartWrite(&outgoing_.front());
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(mu_);
    outgoing_.pop_front();
    if (ok && !outgoing_.empty()) StartWrite(&outgoing_.front());
  }

  void OnDone(const grpc::Status& status) override {
    observer_.OnEnded(
        absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message()));
  }

  const std::unique_ptr<v1::ConfigStream::Stub> stub_;
  Held& held_;
  Observer& observer_;
  grpc::ClientContext context_;

  // Reads only.
  v1::ControlMessage incoming_;
  v1::Generation coming_;
  absl::Time committed_at_;

  Mutex mu_;
  std::deque<v1::ProxyMessage> outgoing_ ABSL_GUARDED_BY(mu_);  // The first is being written.
};

SimProxy::SimProxy(std::string control_plane, std::string node, Observer& observer)
    : control_plane_(std::move(control_plane)),
      node_(std::move(node)),
      observer_(observer),
      held_(std::make_unique<Held>()) {}

SimProxy::~SimProxy() = default;

void SimProxy::Open() {
  stream_.reset();
  stream_ = std::make_unique<Stream>(control_plane_, node_, *held_, observer_);
}

void SimProxy::Close() { stream_->Cancel(); }

uint64_t SimProxy::update_bytes() const { return held_->update_bytes; }
uint64_t SimProxy::updates() const { return held_->updates; }
uint64_t SimProxy::full_updates() const { return held_->full_updates; }

}  // namespace sluice::fleet_sim
