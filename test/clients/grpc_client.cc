// Calls clients.Echo in each way, and says for each whether what came back is right.
//
//   grpc_client TARGET [CA_FILE]     over TLS with a CA_FILE
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "clients/echo.grpc.pb.h"

namespace sluice::clients {
namespace {

using ::clients::Failure;
using ::clients::Message;
using ::clients::Summary;
using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using Stub = ::clients::Echo::Stub;

// Empty if all is as it should be.
using Fault = std::string;

Fault Is(bool good, std::string_view what) { return good ? Fault() : Fault(what); }

Fault Is(const Status& status, StatusCode code) {
  return Is(status.error_code() == code,
            "status " + std::to_string(status.error_code()) + ": " + status.error_message());
}

Message MessageOf(std::string body, uint32_t number = 0) {
  Message message;
  message.set_body(std::move(body));
  message.set_number(number);
  return message;
}

uint32_t Cancelled(Stub& stub) {
  ClientContext context;
  Summary summary;
  stub.Cancelled(&context, Message(), &summary);
  return summary.count();
}

Fault WaitForCancelled(Stub& stub, uint32_t count) {
  const auto deadline = steady_clock::now() + seconds(20);
  while (Cancelled(stub) < count) {
    if (steady_clock::now() > deadline) return "the server was not told";
    std::this_thread::sleep_for(milliseconds(5));
  }
  return {};
}

Fault Unary(Stub& stub) {
  ClientContext context;
  Message response;
  const Status status = stub.Unary(&context, MessageOf("hello", 7), &response);
  if (!status.ok()) return Is(status, StatusCode::OK);
  return Is(response.body() == "hello" && response.number() == 7, response.ShortDebugString());
}

// Values of one name may be joined on the way.
bool Has(grpc::string_ref got, const std::string& value) {
  const std::string text(got.data(), got.size());
  return text == value || text.starts_with(value + ",") || text.ends_with(", " + value) ||
         text.ends_with("," + value);
}

Fault Metadata(Stub& stub) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  const std::multimap<std::string, std::string> sent = {
      {"x-text", "a b"}, {"x-many", "1"}, {"x-many", "2"}, {"x-data-bin", bytes}};
  ClientContext context;
  for (const auto& [name, value] : sent) context.AddMetadata(name, value);
  Message response;
  const Status status = stub.Unary(&context, Message(), &response);
  if (!status.ok()) return Is(status, StatusCode::OK);
  for (const auto& [name, value] : sent) {
    bool in_head = false, in_trailers = false;
    for (const auto& [key, got] : context.GetServerInitialMetadata())
      in_head |= key == name && Has(got, value);
    for (const auto& [key, got] : context.GetServerTrailingMetadata())
      in_trailers |= key == "t-" + name && Has(got, value);
    if (!in_head || !in_trailers) return "no " + name;
  }
  return {};
}

Fault Errors(Stub& stub) {
  for (uint32_t code = 1; code <= 16; ++code) {
    Failure failure;
    failure.set_code(code);
    failure.set_message("100%, \xc3\xbc and\nmore");
    failure.set_details(std::string("\0\xff", 2));
    ClientContext context;
    Message response;
    const Status status = stub.Fail(&context, failure, &response);
    if (static_cast<uint32_t>(status.error_code()) != code) return Is(status, StatusCode::OK);
    if (status.error_message() != failure.message()) return status.error_message();
    const auto& trailers = context.GetServerTrailingMetadata();
    const auto details = trailers.find("details-bin");
    if (details == trailers.end() || details->second != failure.details()) return "details";
  }
  return {};
}

Fault Deadline(Stub& stub) {
  const uint32_t before = Cancelled(stub);
  const auto start = steady_clock::now();
  ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + seconds(1));
  Message response;
  const Status status = stub.Wait(&context, Message(), &response);
  if (status.error_code() != StatusCode::DEADLINE_EXCEEDED) return Is(status, StatusCode::OK);
  if (steady_clock::now() - start < milliseconds(990)) return "too soon";
  return WaitForCancelled(stub, before + 1);
}

Fault Big(Stub& stub) {
  const Message request = MessageOf(std::string(16 << 20, 'b'));
  ClientContext context;
  Message response;
  const Status status = stub.Unary(&context, request, &response);
  if (!status.ok()) return Is(status, StatusCode::OK);
  return Is(response.body() == request.body(), "another body");
}

Fault Upload(Stub& stub) {
  constexpr uint32_t kMessages = 10000;
  ClientContext context;
  Summary summary;
  const auto writer = stub.Collect(&context, &summary);
  const std::string body(100, 'x');
  for (uint32_t i = 0; i < kMessages && writer->Write(MessageOf(body, i)); ++i) {
  }
  writer->WritesDone();
  const Status status = writer->Finish();
  if (!status.ok()) return Is(status, StatusCode::OK);
  return Is(summary.count() == kMessages && summary.sum() == 49995000, summary.ShortDebugString());
}

Fault Download(Stub& stub) {
  ClientContext context;
  Summary wanted;
  wanted.set_count(10000);
  const auto reader = stub.Expand(&context, wanted);
  Message message;
  uint32_t count = 0;
  while (reader->Read(&message)) {
    if (message.number() != count++) return "out of order";
  }
  const Status status = reader->Finish();
  if (!status.ok()) return Is(status, StatusCode::OK);
  return Is(count == wanted.count(), std::to_string(count));
}

template <typename Stream>
Fault PingPong(Stream& stream, uint32_t number, const char* body = "ping") {
  Message message;
  if (!stream.Write(MessageOf(body, number)) || !stream.Read(&message)) return "the stream ended";
  return Is(message.number() == number, message.ShortDebugString());
}

Fault Chat(Stub& stub) {
  ClientContext context;
  const auto stream = stub.Chat(&context);
  for (uint32_t i = 0; i < 300; ++i) {
    if (Fault fault = PingPong(*stream, i); !fault.empty()) return fault;
  }
  stream->WritesDone();
  return Is(stream->Finish(), StatusCode::OK);
}

Fault Cancel(Stub& stub) {
  const uint32_t before = Cancelled(stub);
  ClientContext context;
  const auto stream = stub.Chat(&context);
  if (Fault fault = PingPong(*stream, 1, "stay"); !fault.empty()) return fault;
  context.TryCancel();
  if (Fault fault = Is(stream->Finish(), StatusCode::CANCELLED); !fault.empty()) return fault;
  return WaitForCancelled(stub, before + 1);
}

// Of a channel with pings: while nothing moves, a stream stays.
Fault KeepAlive(Stub& stub) {
  ClientContext context;
  const auto stream = stub.Chat(&context);
  if (Fault fault = PingPong(*stream, 1); !fault.empty()) return fault;
  std::this_thread::sleep_for(seconds(1));
  if (Fault fault = PingPong(*stream, 2); !fault.empty()) return fault;
  stream->WritesDone();
  return Is(stream->Finish(), StatusCode::OK);
}

Fault Many(Stub& stub) {
  std::vector<Fault> faults(8);
  std::vector<std::thread> threads;
  for (Fault& fault : faults) {
    threads.emplace_back([&stub, &fault] {
      for (int i = 0; i < 50 && fault.empty(); ++i) fault = Unary(stub);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Fault& fault : faults) {
    if (!fault.empty()) return fault;
  }
  return {};
}

int Main(int argc, char** argv) {
  if (argc < 2) return 2;
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (argc > 2) {
    std::ifstream file(argv[2]);
    grpc::SslCredentialsOptions options;
    options.pem_root_certs.assign(std::istreambuf_iterator<char>(file), {});
    credentials = grpc::SslCredentials(options);
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 50);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  const auto stub =
      ::clients::Echo::NewStub(grpc::CreateCustomChannel(argv[1], credentials, arguments));

  const std::pair<const char*, Fault (*)(Stub&)> scenarios[] = {
      {"unary", Unary},   {"metadata", Metadata},   {"errors", Errors},     {"deadline", Deadline},
      {"big", Big},       {"upload", Upload},       {"download", Download}, {"chat", Chat},
      {"cancel", Cancel}, {"keepalive", KeepAlive}, {"many", Many},
  };
  for (const auto& [name, run] : scenarios) {
    const Fault fault = run(*stub);
    std::printf("%s %s%s\n", name, fault.empty() ? "ok" : "FAILED: ", fault.c_str());
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace sluice::clients

int main(int argc, char** argv) { return sluice::clients::Main(argc, argv); }
