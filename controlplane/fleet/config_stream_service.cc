// Messages to proxies are byte buffers that many streams share, so that the service is the raw one:
// the typed one would serialise each update for each proxy.
//
// A stream lives on two sides. gRPC's threads read, write and say when all is over; they hand what
// was read to the loop and take the next message from the queue. The loop decides. Each message is
// dealt with before the next one is read: a proxy that talks too much waits.
#include "controlplane/fleet/config_stream_service.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "controlplane/fleet/fleet.h"
#include "controlplane/fleet/view/update.h"
#include "controlplane/rpc/caller.h"
#include "controlplane/rpc/peer.h"
#include "controlplane/rpc/status.h"
#include "sluice/v1/config_stream.grpc.pb.h"

namespace sluice::fleet {
namespace {

// What a proxy says of itself is kept for as long as it is listed.
constexpr size_t kMaxMessageBytes = 1 << 20;

// How long a stream may be open before it says whose it is.
constexpr absl::Duration kHelloTimeout = absl::Seconds(10);

// Streams on one connection. A proxy needs one, an orchestrator one for each upstream.
constexpr int kMaxStreams = 10'000;

// How long a peer may take to read why it is sent away.
constexpr absl::Duration kCloseTimeout = absl::Seconds(5);

// Ownership: its own; destroyed on the loop after gRPC is done with it.
class Stream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                     public ProxyLink {
 public:
  Stream(Fleet& fleet, grpc::CallbackServerContext& context)
      : fleet_(fleet),
        context_(context),
        caller_(rpc::CallerOf(context)),
        peer_(rpc::PeerAddress(context.peer())),
        hello_timeout_(fleet.loop(),
                       [this] { Close(absl::DeadlineExceededError("no hello has come")); }),
        cut_off_(fleet.loop(), [this] { Cancel(); }) {
    fleet_.loop().Post([this] { hello_timeout_.Arm(kHelloTimeout); });
    StartRead(&incoming_);
  }

  const std::string& peer() const override { return peer_; }

  void Send(std::shared_ptr<const Update> update) override {
    MutexLock lock(mu_);
    if (end_.has_value()) return;
    updates_.push_back(std::move(update));
    Pump();
  }

  void Send(const v1::ControlMessage& message) override {
    const grpc::Slice slice(message.SerializeAsString());
    MutexLock lock(mu_);
    if (end_.has_value()) return;
    messages_.emplace_back(&slice, 1);
    Pump();
  }

  void Close(absl::Status why) override {
    is_closed_ = true;
    cut_off_.Arm(kCloseTimeout);
    MutexLock lock(mu_);
    if (!end_.has_value()) end_ = std::move(why);
    updates_.clear();
    Pump();
  }

 private:
  void CloseLater(absl::Status why) {
    fleet_.loop().Post([this, why = std::move(why)]() mutable { Close(std::move(why)); });
  }

  // Whether the certificate, if there is one, is of this proxy.
  absl::Status CheckHello(const v1::Hello& hello) const {
    const std::vector<std::string> groups(hello.groups().begin(), hello.groups().end());
    return caller_.CheckProxy(hello.node(), groups);
  }

  // Writes the next message, if none is being written; ends the call after the last.
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (is_writing_ || is_ended_) return;
    if (!messages_.empty()) {
      outgoing_.Swap(&messages_.front());
      messages_.pop_front();
    } else if (end_.has_value()) {
      is_ended_ = true;
      Finish(rpc::ToGrpc(*end_));
      return;
    } else if (!updates_.empty()) {
      outgoing_ = updates_.front()->messages[next_part_++];
      if (next_part_ == updates_.front()->messages.size()) {
        updates_.pop_front();
        next_part_ = 0;
      }
    } else {
      return;
    }
    is_writing_ = true;
    StartWrite(&outgoing_);
  }

  void Cancel() {
    MutexLock lock(mu_);
    if (!is_done_) context_.TryCancel();
  }

  void ReadNext() {
    MutexLock lock(mu_);
    if (!end_.has_value()) StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(mu_);
    is_writing_ = false;
    outgoing_.Clear();
    if (!ok) {
      messages_.clear();
      updates_.clear();
      if (!end_.has_value()) end_ = absl::CancelledError("the stream is broken");
    }
    Pump();
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      // Nothing that waits would be read by anybody.
      MutexLock lock(mu_);
      messages_.clear();
      updates_.clear();
      if (!end_.has_value()) end_ = absl::OkStatus();
      Pump();
      return;
    }
    if (incoming_.Length() > kMaxMessageBytes) {
      return CloseLater(absl::ResourceExhaustedError("a message has at most 1 MiB"));
    }
    v1::ProxyMessage message;
    const grpc::Status parsed =
        grpc::SerializationTraits<v1::ProxyMessage>::Deserialize(&incoming_, &message);
    incoming_.Clear();
    if (!parsed.ok()) return CloseLater(absl::InvalidArgumentError("not a ProxyMessage"));
    if (message.has_hello()) {
      absl::Status allowed = CheckHello(message.hello());
      if (!allowed.ok()) return CloseLater(std::move(allowed));
    }
    fleet_.loop().Post([this, message = std::move(message)]() mutable {
      if (is_closed_) return;
      hello_timeout_.Disarm();
      fleet_.OnMessage(*this, std::move(message));
      if (!is_closed_) ReadNext();
    });
  }

  void OnDone() override {
    {
      MutexLock lock(mu_);
      is_done_ = true;
    }
    fleet_.loop().Post([self = std::unique_ptr<Stream>(this)] { self->fleet_.OnClosed(*self); });
  }

  // Set at construction.
  Fleet& fleet_;
  grpc::CallbackServerContext& context_;  // Alive until is_done_.
  const auth::Caller caller_;
  const std::string peer_;

  // Loop thread only.
  bool is_closed_ = false;
  loop::Timer hello_timeout_;
  loop::Timer cut_off_;

  // Between StartRead() and OnReadDone() gRPC's, then ours.
  grpc::ByteBuffer incoming_;

  Mutex mu_;
  std::deque<grpc::ByteBuffer> messages_ ABSL_GUARDED_BY(mu_);  // Before the next part.
  std::deque<std::shared_ptr<const Update>> updates_ ABSL_GUARDED_BY(mu_);
  size_t next_part_ ABSL_GUARDED_BY(mu_) = 0;  // Of the first update.
  grpc::ByteBuffer outgoing_ ABSL_GUARDED_BY(mu_);
  bool is_writing_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);  // Set: nothing more is taken to be sent.
  bool is_ended_ ABSL_GUARDED_BY(mu_) = false;            // Finish() was called.
  bool is_done_ ABSL_GUARDED_BY(mu_) = false;             // gRPC has let go.
};

class Service final
    : public v1::ConfigStream::WithRawCallbackMethod_Sync<v1::ConfigStream::Service> {
 public:
  explicit Service(Fleet& fleet) : fleet_(fleet) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Sync(
      grpc::CallbackServerContext* context) override {
    return new Stream(fleet_, *context);
  }

 private:
  Fleet& fleet_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeConfigStreamService(Fleet& fleet) {
  return std::make_unique<Service>(fleet);
}

void ConfigureConnections(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
}

}  // namespace sluice::fleet
