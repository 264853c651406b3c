#include "controlplane/fleet/testing/scripted_proxy.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <utility>

namespace sluice::fleet {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

}  // namespace

ScriptedProxy::ScriptedProxy(const std::string& address, Options options) {
  grpc::ChannelArguments arguments;
  // A connection of its own, as every proxy has.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  channel_ = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  stub_ = v1::ConfigStream::NewStub(channel_);
  stream_ = stub_->Sync(&context_);
  if (options.holds != nullptr) replica_ = *options.holds;
  if (options.says_hello) {
    v1::ProxyMessage message;
    v1::Hello& hello = *message.mutable_hello();
    hello.set_node(options.node);
    hello.mutable_groups()->Add(options.groups.begin(), options.groups.end());
    hello.set_build("test");
    hello.set_schema(1);
    hello.mutable_plugins()->Add(options.plugins.begin(), options.plugins.end());
    hello.set_started_at_ns(options.started_at_ns);
    hello.set_instance(options.instance);
    if (replica_.generation().has_value()) {
      *hello.mutable_active() = ToProto(*replica_.generation());
    }
    Send(message);
  }
  reader_ = std::thread([this] { Read(); });
}

ScriptedProxy::~ScriptedProxy() {
  context_.TryCancel();
  reader_.join();
}

void ScriptedProxy::Read() {
  v1::ControlMessage message;
  while (stream_->Read(&message)) {
    MutexLock lock(mu_);
    messages_.push_back(std::move(message));
    changed_.Signal();
  }
  const grpc::Status status = stream_->Finish();
  MutexLock lock(mu_);
  end_ = status;
  changed_.Signal();
}

void ScriptedProxy::Send(const v1::ProxyMessage& message) { stream_->Write(message); }

v1::ControlMessage ScriptedProxy::Next() {
  MutexLock lock(mu_);
  while (messages_.empty() && !end_.has_value()) {
    if (!changed_.WaitFor(mu_, kPatience)) {
      ADD_FAILURE() << "no message comes";
      return {};
    }
  }
  if (messages_.empty()) {
    ADD_FAILURE() << "the stream has ended: " << end_->error_message();
    return {};
  }
  v1::ControlMessage message = std::move(messages_.front());
  messages_.pop_front();
  return message;
}

v1::Welcome ScriptedProxy::TakeWelcome() {
  const v1::ControlMessage message = Next();
  EXPECT_TRUE(message.has_welcome()) << message.ShortDebugString();
  return message.welcome();
}

v1::Backoff ScriptedProxy::TakeBackoff() {
  const v1::ControlMessage message = Next();
  EXPECT_TRUE(message.has_backoff()) << message.ShortDebugString();
  return message.backoff();
}

v1::Query ScriptedProxy::TakeQuery() {
  const v1::ControlMessage message = Next();
  EXPECT_TRUE(message.has_query()) << message.ShortDebugString();
  return message.query();
}

void ScriptedProxy::TakeUpdate() {
  before_ = replica_;
  for (;;) {
    const v1::ControlMessage message = Next();
    EXPECT_TRUE(message.has_update()) << message.ShortDebugString();
    if (!message.has_update() || replica_.Take(message.update())) return;
  }
}

grpc::Status ScriptedProxy::TakeEnd() {
  MutexLock lock(mu_);
  while (!end_.has_value()) {
    if (!changed_.WaitFor(mu_, kPatience)) {
      ADD_FAILURE() << "the stream does not end";
      return grpc::Status::OK;
    }
  }
  return *end_;
}

bool ScriptedProxy::HasEnded() {
  MutexLock lock(mu_);
  return end_.has_value();
}

void ScriptedProxy::Say(v1::Status::Phase phase, const std::string& problem) {
  SayOf(replica_.generation().value_or(Generation()), phase, problem);
}

void ScriptedProxy::SayOf(const Generation& generation, v1::Status::Phase phase,
                          const std::string& problem) {
  v1::ProxyMessage message;
  *message.mutable_status()->mutable_generation() = ToProto(generation);
  message.mutable_status()->set_phase(phase);
  if (!problem.empty()) message.mutable_status()->add_problems()->set_problem(problem);
  Send(message);
}

void ScriptedProxy::Reject(const std::string& problem) {
  Say(v1::Status::REJECTED, problem);
  replica_ = before_;
}

void ScriptedProxy::Resync() {
  v1::ProxyMessage message;
  message.mutable_resync()->set_reason("test");
  Send(message);
}

void ScriptedProxy::Report(const Generation& active) {
  v1::ProxyMessage message;
  *message.mutable_report()->mutable_active() = ToProto(active);
  Send(message);
}

void ScriptedProxy::Settle() {
  TakeWelcome();
  TakeUpdate();
  Say(v1::Status::ACTIVE);
}

void ScriptedProxy::Leave() { stream_->WritesDone(); }

}  // namespace sluice::fleet
