// Serves clients.Echo in the clear, with reflection, on a port that it prints.
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "clients/echo.grpc.pb.h"

namespace sluice::clients {
namespace {

using ::clients::Failure;
using ::clients::Message;
using ::clients::Summary;
using grpc::ServerContext;
using grpc::Status;

std::string Text(grpc::string_ref text) { return {text.data(), text.size()}; }

class Echo final : public ::clients::Echo::Service {
  Status Unary(ServerContext* context, const Message* request, Message* response) override {
    for (const auto& [name, value] : context->client_metadata()) {
      if (!name.starts_with("x-")) continue;
      context->AddInitialMetadata(Text(name), Text(value));
      context->AddTrailingMetadata("t-" + Text(name), Text(value));
    }
    *response = *request;
    return Status::OK;
  }

  Status Fail(ServerContext* context, const Failure* failure, Message*) override {
    context->AddTrailingMetadata("details-bin", failure->details());
    return {static_cast<grpc::StatusCode>(failure->code()), failure->message()};
  }

  Status Wait(ServerContext* context, const Message*, Message*) override {
    WaitForCancel(*context);
    return Status::CANCELLED;
  }

  Status Collect(ServerContext*, grpc::ServerReader<Message>* reader, Summary* summary) override {
    Message message;
    while (reader->Read(&message)) {
      summary->set_count(summary->count() + 1);
      summary->set_sum(summary->sum() + message.number());
    }
    return Status::OK;
  }

  Status Expand(ServerContext*, const Summary* wanted,
                grpc::ServerWriter<Message>* writer) override {
    Message message;
    message.set_body(std::string(100, 'x'));
    for (uint32_t i = 0; i < wanted->count(); ++i) {
      message.set_number(i);
      if (!writer->Write(message)) return Status::CANCELLED;
    }
    return Status::OK;
  }

  Status Chat(ServerContext* context, grpc::ServerReaderWriter<Message, Message>* stream) override {
    Message message;
    while (stream->Read(&message)) {
      if (!stream->Write(message)) break;
      if (message.body() == "stay") WaitForCancel(*context);
    }
    return Status::OK;
  }

  Status Cancelled(ServerContext*, const Message*, Summary* summary) override {
    summary->set_count(cancelled_);
    return Status::OK;
  }

  void WaitForCancel(ServerContext& context) {
    while (!context.IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ++cancelled_;
  }

  std::atomic<uint32_t> cancelled_ = 0;
};

int Main() {
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  Echo echo;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(-1);
  builder.RegisterService(&echo);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  std::printf("listening on %d\n", port);
  std::fflush(stdout);
  server->Wait();
  return 0;
}

}  // namespace
}  // namespace sluice::clients

int main() { return sluice::clients::Main(); }
