#include "controlplane/admin/admin_rpc.h"

#include <string>
#include <utility>

#include "base/status_macros.h"
#include "controlplane/admin/authorize.h"
#include "controlplane/admin/errors.h"
#include "controlplane/rpc/caller.h"
#include "controlplane/rpc/peer.h"

namespace sluice::admin {
namespace {

// Reads the stream to its end, then applies it.
class ApplyReactor final : public grpc::ServerReadReactor<v1::ApplyRequest> {
 public:
  ApplyReactor(AdminService& service, loop::Loop& changes,
               const grpc::CallbackServerContext& context, v1::ApplyResponse& response)
      : service_(service),
        changes_(changes),
        caller_(rpc::CallerOf(context)),
        from_(rpc::PeerAddress(context.peer())),
        response_(response) {
    StartRead(&message_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      changes_.Post([this] { Apply(); });
      return;
    }
    const absl::Status status = Take();
    if (!status.ok()) {
      Finish(ToGrpc(status));
      return;
    }
    message_.Clear();
    StartRead(&message_);
  }

  // As gRPC has it: the last that is said of a call.
  void OnDone() override { delete this; }

 private:
  absl::Status Take() {
    if (message_.has_options()) {
      RETURN_IF_ERROR(Authorize(caller_, *message_.mutable_options()));
    }
    return call_.Add(std::move(message_));
  }

  void Apply() {
    const size_t problem_bytes = call_.options().max_problem_bytes();
    absl::StatusOr<v1::ApplyResponse> applied = service_.Apply(std::move(call_), from_);
    const grpc::Status status = ToGrpc(applied.status(), problem_bytes);
    if (applied.ok()) response_ = *std::move(applied);
    Finish(status);
  }

  AdminService& service_;
  loop::Loop& changes_;
  const auth::Caller caller_;
  const std::string from_;
  v1::ApplyResponse& response_;
  v1::ApplyRequest message_;
  ApplyCall call_;
};

// Writes the messages of a Stream, each made on the loop when the one before has gone.
template <typename Message>
class StreamReactor final : public grpc::ServerWriteReactor<Message> {
 public:
  using Open = std::function<absl::StatusOr<Stream<Message>>()>;

  StreamReactor(loop::Loop& loop, Open open) : loop_(loop) {
    loop_.Post([this, open = std::move(open)] {
      absl::StatusOr<Stream<Message>> stream = open();
      if (!stream.ok()) {
        this->Finish(ToGrpc(stream.status()));
        return;
      }
      stream_ = *std::move(stream);
      WriteNext();
    });
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      this->Finish(grpc::Status::CANCELLED);
      return;
    }
    loop_.Post([this] { WriteNext(); });
  }

  void OnDone() override { delete this; }

 private:
  void WriteNext() {
    if (stream_(message_)) {
      this->StartWrite(&message_);
    } else {
      this->Finish(grpc::Status::OK);
    }
  }

  loop::Loop& loop_;
  Stream<Message> stream_;
  Message message_;
};

// Writes events as they come.
//
// At most one of three is under way: opening, a write, waiting for an event. Only who ends one of
// them may write or finish, so that neither happens twice.
class WatchReactor final : public grpc::ServerWriteReactor<v1::Event> {
 public:
  WatchReactor(AdminService& service, loop::Loop& reads, v1::WatchRequest request) {
    reads.Post([this, &service, request = std::move(request)] {
      auto watch = service.watches().Open(request, [this] { Continue(); });
      if (!watch.ok()) {
        Finish(ToGrpc(watch.status()));
        return;
      }
      watch_ = *std::move(watch);
      BeginToWait();
    });
  }

  void OnWriteDone(bool ok) override {
    if (ok) {
      BeginToWait();
    } else {
      Finish(grpc::Status::CANCELLED);
    }
  }

  void OnCancel() override {
    {
      MutexLock lock(mu_);
      is_cancelled_ = true;
    }
    Continue();
  }

  void OnDone() override { delete this; }

 private:
  void BeginToWait() {
    {
      MutexLock lock(mu_);
      is_waiting_ = true;
    }
    Continue();
  }

  // Ends the waiting if there is a cause to. Any thread.
  void Continue() {
    absl::StatusOr<bool> has_event = false;
    {
      MutexLock lock(mu_);
      if (!is_waiting_) return;
      if (!is_cancelled_) has_event = watch_->Next(event_);
      if (!is_cancelled_ && has_event.ok() && !*has_event) return;
      is_waiting_ = false;
      if (is_cancelled_) has_event = absl::CancelledError();
    }
    if (has_event.ok()) {
      StartWrite(&event_);
    } else {
      Finish(ToGrpc(has_event.status()));
    }
  }

  std::unique_ptr<WatchHub::Watch> watch_;  // Set before is_waiting_.
  v1::Event event_;

  Mutex mu_;
  bool is_waiting_ ABSL_GUARDED_BY(mu_) = false;
  bool is_cancelled_ ABSL_GUARDED_BY(mu_) = false;
};

// Runs `call` on the loop and finishes with what it returns.
template <typename Response, typename Call>
grpc::ServerUnaryReactor* RunOn(loop::Loop& loop, grpc::CallbackServerContext* context,
                                Response* response, size_t problem_bytes, Call call) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  loop.Post([reactor, response, problem_bytes, call = std::move(call)]() mutable {
    absl::StatusOr<Response> result = call();
    const grpc::Status status = ToGrpc(result.status(), problem_bytes);
    if (result.ok()) *response = *std::move(result);
    reactor->Finish(status);
  });
  return reactor;
}

}  // namespace

grpc::ServerReadReactor<v1::ApplyRequest>* AdminRpc::Apply(grpc::CallbackServerContext* context,
                                                           v1::ApplyResponse* response) {
  return new ApplyReactor(service_, changes_, *context, *response);
}

grpc::ServerWriteReactor<v1::ListResponse>* AdminRpc::List(grpc::CallbackServerContext*,
                                                           const v1::ListRequest* request) {
  return new StreamReactor<v1::ListResponse>(
      reads_, [this, request = *request] { return service_.List(request); });
}

grpc::ServerUnaryReactor* AdminRpc::Get(grpc::CallbackServerContext* context,
                                        const v1::GetRequest* request, v1::GetResponse* response) {
  return RunOn(reads_, context, response, 0, [this, request] { return service_.Get(*request); });
}

grpc::ServerUnaryReactor* AdminRpc::Delete(grpc::CallbackServerContext* context,
                                           const v1::DeleteRequest* request,
                                           v1::ApplyResponse* response) {
  return RunOn(
      changes_, context, response, request->options().max_problem_bytes(),
      [this, request = *request, caller = rpc::CallerOf(*context),
       from = rpc::PeerAddress(context->peer())]() mutable -> absl::StatusOr<v1::ApplyResponse> {
        RETURN_IF_ERROR(Authorize(caller, *request.mutable_options()));
        return service_.Delete(request, from);
      });
}

grpc::ServerWriteReactor<v1::Change>* AdminRpc::Diff(grpc::CallbackServerContext*,
                                                     const v1::DiffRequest* request) {
  return new StreamReactor<v1::Change>(
      reads_, [this, request = *request] { return service_.Diff(request); });
}

grpc::ServerWriteReactor<v1::Commit>* AdminRpc::History(grpc::CallbackServerContext*,
                                                        const v1::HistoryRequest* request) {
  return new StreamReactor<v1::Commit>(
      reads_, [this, request = *request]() -> absl::StatusOr<Stream<v1::Commit>> {
        auto commits = service_.History(request);
        if (!commits.ok()) return commits.status();
        return Stream<v1::Commit>(
            [commits = *std::move(commits), next = size_t{0}](v1::Commit& commit) mutable {
              if (next == commits.size()) return false;
              commit = std::move(commits[next++]);
              return true;
            });
      });
}

grpc::ServerUnaryReactor* AdminRpc::Rollback(grpc::CallbackServerContext* context,
                                             const v1::RollbackRequest* request,
                                             v1::ApplyResponse* response) {
  return RunOn(
      changes_, context, response, request->options().max_problem_bytes(),
      [this, request = *request, caller = rpc::CallerOf(*context),
       from = rpc::PeerAddress(context->peer())]() mutable -> absl::StatusOr<v1::ApplyResponse> {
        RETURN_IF_ERROR(Authorize(caller, *request.mutable_options()));
        return service_.Rollback(request, from);
      });
}

grpc::ServerWriteReactor<v1::Event>* AdminRpc::Watch(grpc::CallbackServerContext*,
                                                     const v1::WatchRequest* request) {
  return new WatchReactor(service_, reads_, *request);
}

grpc::ServerUnaryReactor* AdminRpc::GetVersion(grpc::CallbackServerContext* context,
                                               const v1::GetVersionRequest*,
                                               v1::GetVersionResponse* response) {
  *response = service_.GetVersion();
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace sluice::admin
