#include "test/integration/sync/control_plane.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

std::string Text(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!buffer.Dump(&slices).ok()) return text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

bool WaitUntil(CondVar& changed, Mutex& mu, absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
  const absl::Duration left = deadline - absl::Now();
  if (left <= absl::ZeroDuration()) return false;
  changed.WaitFor(mu, left);
  return true;
}

}  // namespace

// gRPC's side of a stream. Deletes itself when gRPC is done with it.
class ScriptedControlPlane::Stream::Reactor final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Reactor(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {
    StartRead(&incoming_);
  }

  void Write(const std::string& message) {
    const grpc::Slice slice(message);
    outgoing_ = grpc::ByteBuffer(&slice, 1);
    StartWrite(&outgoing_);
  }

  void End(const absl::Status& status) {
    Finish(
        grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message())));
  }

  void OnReadDone(bool ok) override {
    MutexLock lock(stream_->mu_);
    if (ok) {
      stream_->incoming_.push_back(Text(incoming_));
      incoming_.Clear();
      StartRead(&incoming_);
    } else {
      stream_->has_ended_ = true;
      if (!stream_->end_.has_value()) stream_->end_ = absl::OkStatus();
      stream_->Pump();
    }
    stream_->changed_.SignalAll();
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(stream_->mu_);
    stream_->is_writing_ = false;
    if (!ok) stream_->outgoing_.clear();
    stream_->Pump();
  }

  void OnDone() override {
    {
      MutexLock lock(stream_->mu_);
      stream_->has_ended_ = true;
      stream_->reactor_ = nullptr;
      stream_->changed_.SignalAll();
    }
    delete this;
  }

 private:
  const std::shared_ptr<Stream> stream_;
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
};

class ScriptedControlPlane::Service final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    auto stream = std::make_shared<Stream>();
    auto* reactor = new Stream::Reactor(stream);
    {
      MutexLock lock(stream->mu_);
      stream->reactor_ = reactor;
    }
    MutexLock lock(mu);
    streams.push_back(std::move(stream));
    changed.SignalAll();
    return reactor;
  }

  Mutex mu;
  CondVar changed;
  std::deque<std::shared_ptr<Stream>> streams ABSL_GUARDED_BY(mu);
  std::unique_ptr<grpc::Server> server;
};

void ScriptedControlPlane::Stream::Pump() {
  if (reactor_ == nullptr || is_writing_ || is_finished_) return;
  if (!outgoing_.empty()) {
    is_writing_ = true;
    reactor_->Write(outgoing_.front());
    outgoing_.pop_front();
  } else if (end_.has_value()) {
    is_finished_ = true;
    reactor_->End(*end_);
  }
}

void ScriptedControlPlane::Stream::Send(std::string message) {
  MutexLock lock(mu_);
  outgoing_.push_back(std::move(message));
  Pump();
}

void ScriptedControlPlane::Stream::End(absl::Status status) {
  MutexLock lock(mu_);
  end_ = std::move(status);
  Pump();
}

std::optional<std::string> ScriptedControlPlane::Stream::Read(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  MutexLock lock(mu_);
  while (incoming_.empty()) {
    if (has_ended_ || !WaitUntil(changed_, mu_, deadline)) return std::nullopt;
  }
  std::string message = std::move(incoming_.front());
  incoming_.pop_front();
  return message;
}

bool ScriptedControlPlane::Stream::has_ended() const {
  MutexLock lock(mu_);
  return has_ended_;
}

ScriptedControlPlane::ScriptedControlPlane(uint16_t port) : service_(std::make_unique<Service>()) {
  grpc::ServerBuilder builder;
  int bound = 0;
  builder.AddListeningPort(absl::StrCat("127.0.0.1:", port), grpc::InsecureServerCredentials(),
                           &bound);
  builder.RegisterCallbackGenericService(service_.get());
  service_->server = builder.BuildAndStart();
  port_ = static_cast<uint16_t>(bound);
}

ScriptedControlPlane::~ScriptedControlPlane() {
  // Streams are cut, not waited for.
  service_->server->Shutdown(std::chrono::system_clock::now());
  service_->server->Wait();
}

std::string ScriptedControlPlane::address() const { return absl::StrCat("127.0.0.1:", port_); }

std::shared_ptr<ScriptedControlPlane::Stream> ScriptedControlPlane::Accept(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  MutexLock lock(service_->mu);
  while (service_->streams.empty()) {
    if (!WaitUntil(service_->changed, service_->mu, deadline)) return nullptr;
  }
  std::shared_ptr<Stream> stream = std::move(service_->streams.front());
  service_->streams.pop_front();
  return stream;
}

}  // namespace sluice
