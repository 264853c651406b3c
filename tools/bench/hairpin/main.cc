// hairpin: a load generator and the upstream behind the proxy under test, in one thread.
//
//   hairpin --target 127.0.0.1:8080 --upstream 127.0.0.1:9001 --watch PID
//
// The result is one line of JSON on standard output. Exit status: 0 done, whatever failed is in
// the result; 1 could not run; 2 usage.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/flags.h"
#include "base/status_macros.h"
#include "tools/bench/hairpin/client.h"
#include "tools/bench/hairpin/cpu_account.h"
#include "tools/bench/hairpin/event_client.h"
#include "tools/bench/hairpin/grpc_message.h"
#include "tools/bench/hairpin/loop.h"
#include "tools/bench/hairpin/report.h"
#include "tools/bench/hairpin/request_plan.h"
#include "tools/bench/hairpin/upstream.h"
#include "tools/bench/hairpin/websocket.h"

namespace sluice::hairpin {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

struct Settings {
  std::string target;
  std::string upstream = "127.0.0.1:9001";
  bool serve = false;
  std::string fault;
  bool idle = false;
  uint64_t connections = 64;
  uint64_t in_flight = 0;
  uint64_t rate = 0;
  uint64_t requests = 0;
  absl::Duration warmup = absl::Seconds(1);
  absl::Duration duration = absl::Seconds(5);
  absl::Duration timeout = absl::Seconds(10);
  std::string path = "/";
  std::string paths_file;
  uint64_t routes = 1;
  std::string choice = "uniform";
  std::string method = "GET";
  std::string host = "bench.example";
  std::string request_headers_file;
  uint64_t request_bytes = 0;
  bool connect_per_request = false;
  uint64_t source_addresses = 0;
  std::string response_headers_file;
  uint64_t response_bytes = 128;
  uint64_t response_status = 200;
  bool response_chunked = false;
  std::string tls;
  bool resume = false;
  uint64_t streams = 0;
  bool upstream_http2 = false;
  std::string events;
  absl::Duration interval = absl::Milliseconds(100);
  uint64_t message_bytes = 100;
  bool grpc = false;
  std::vector<std::string> watch;
  bool histogram = false;
  bool help = false;
};

void Define(Flags& flags, Settings& s) {
  flags.String("target", "IP:PORT", "where to send requests: the proxy", &s.target);
  flags.String("upstream", "IP:PORT", "where to serve; empty: no upstream here", &s.upstream);
  flags.Bool("serve", "be the upstream only, until standard input ends; then says what came",
             &s.serve);
  flags.String("fault", "NAME",
               "of the upstream: reset-on-accept, close-after-request, hang or half-503", &s.fault);
  flags.Bool("idle", "one request a connection, then hold them until standard input ends", &s.idle);
  flags.Uint("connections", "N", "client connections", &s.connections);
  flags.Uint("in-flight", "N", "closed loop: requests at once; 0: one a connection", &s.in_flight);
  flags.Uint("rate", "N", "open loop: requests a second; 0: closed loop", &s.rate);
  flags.Uint("requests", "N", "stop after so many, without warm-up; 0: by time", &s.requests);
  flags.Duration("warmup", "not measured", &s.warmup);
  flags.Duration("duration", "measured", &s.duration);
  flags.Duration("timeout", "of a request", &s.timeout);
  flags.String("path", "PATH", "to request; {n} stands for 0 to --routes - 1", &s.path);
  flags.String("paths", "FILE", "a path a line, instead of --path", &s.paths_file);
  flags.Uint("routes", "N", "see --path", &s.routes);
  flags.String("choice", "NAME", "of paths: uniform or zipf", &s.choice);
  flags.String("method", "NAME", "of requests", &s.method);
  flags.String("host", "NAME", "Host of requests", &s.host);
  flags.String("request-headers", "FILE", "more request headers, one a line",
               &s.request_headers_file);
  flags.Uint("request-bytes", "N", "body of requests", &s.request_bytes);
  flags.Bool("connect-per-request", "a new connection for every request", &s.connect_per_request);
  flags.Uint("source-addresses", "N", "connect from 127.0.0.1 to 127.0.0.N", &s.source_addresses);
  flags.String("response-headers", "FILE", "more response headers, one a line",
               &s.response_headers_file);
  flags.Uint("response-bytes", "N", "body of responses", &s.response_bytes);
  flags.Uint("response-status", "N", "status of responses", &s.response_status);
  flags.Bool("response-chunked", "responses are chunked", &s.response_chunked);
  flags.String("tls", "VERSION", "speak TLS to the target: 1.2 or 1.3", &s.tls);
  flags.Bool("resume", "new TLS connections resume the session of the one before", &s.resume);
  flags.Uint("streams", "N", "HTTP/2 to the target, so many requests at once on a connection",
             &s.streams);
  flags.Bool("upstream-http2", "serve HTTP/2 (prior knowledge) instead of HTTP/1.1",
             &s.upstream_http2);
  flags.String("events", "NAME",
               "small messages on long streams instead of requests: sse, websocket or grpc",
               &s.events);
  flags.Duration("interval", "of the messages of a stream", &s.interval);
  flags.Uint("message-bytes", "N", "of a message, at least 17", &s.message_bytes);
  flags.Bool("grpc", "requests and responses are one gRPC message; HTTP/2 at both sides", &s.grpc);
  flags.Strings("watch", "PID,...", "count the CPU time of these and their children", &s.watch);
  flags.Bool("histogram", "put every bucket of latency into the result", &s.histogram);
  flags.Bool("help", "this text", &s.help);
}

absl::StatusOr<std::vector<std::string>> ReadLines(const std::string& path) {
  std::vector<std::string> lines;
  if (path.empty()) return lines;
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

absl::StatusOr<RequestPlan> MakePlan(const Settings& settings) {
  RequestPlanOptions options;
  options.method = settings.method;
  options.routes = settings.routes;
  options.host = settings.host;
  options.choice = settings.choice;
  options.body_bytes = settings.request_bytes;
  options.close = settings.connect_per_request;
  options.grpc = settings.grpc;
  options.scheme = settings.tls.empty() ? "http" : "https";
  options.paths = {settings.path};
  if (!settings.paths_file.empty()) {
    ASSIGN_OR_RETURN(options.paths, ReadLines(settings.paths_file));
  }
  ASSIGN_OR_RETURN(options.headers, ReadLines(settings.request_headers_file));
  if (settings.events == "websocket") {
    for (const absl::string_view line : kWebSocketHeaders) options.headers.emplace_back(line);
  }
  return RequestPlan::Make(options);
}

absl::StatusOr<Fault> ParseFault(absl::string_view name) {
  constexpr std::pair<absl::string_view, Fault> kFaults[] = {
      {"", Fault::kNone},
      {"reset-on-accept", Fault::kResetOnAccept},
      {"close-after-request", Fault::kCloseAfterRequest},
      {"hang", Fault::kHang},
      {"half-503", Fault::kHalf503}};
  for (const auto& [known, fault] : kFaults) {
    if (name == known) return fault;
  }
  return absl::InvalidArgumentError(absl::StrCat("--fault: unknown: ", name));
}

absl::StatusOr<EventOptions> MakeEventOptions(const Settings& settings) {
  EventOptions options;
  constexpr std::pair<absl::string_view, EventKind> kKinds[] = {
      {"", EventKind::kNone},
      {"sse", EventKind::kSse},
      {"websocket", EventKind::kWebSocket},
      {"grpc", EventKind::kGrpc}};
  const auto* kind = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const auto& known) {
    return known.first == settings.events;
  });
  if (kind == std::end(kKinds)) {
    return absl::InvalidArgumentError(absl::StrCat("--events: unknown: ", settings.events));
  }
  options.kind = kind->second;
  options.interval_nanos = absl::ToInt64Nanoseconds(settings.interval);
  options.bytes = std::min<uint64_t>(settings.message_bytes, kMostWebSocketBytes);
  return options;
}

absl::StatusOr<UpstreamOptions> MakeUpstreamOptions(const Settings& settings) {
  UpstreamOptions options;
  ASSIGN_OR_RETURN(options.address, ParseAddress(settings.upstream));
  ASSIGN_OR_RETURN(options.headers, ReadLines(settings.response_headers_file));
  options.body_bytes = settings.response_bytes;
  options.status = static_cast<int>(settings.response_status);
  options.chunked = settings.response_chunked;
  ASSIGN_OR_RETURN(options.fault, ParseFault(settings.fault));
  ASSIGN_OR_RETURN(options.events, MakeEventOptions(settings));
  options.http2 = settings.upstream_http2 || settings.grpc;
  options.grpc = settings.grpc;
  return options;
}

absl::StatusOr<std::unique_ptr<TlsClient>> MakeTls(const Settings& settings) {
  if (settings.tls.empty()) return nullptr;
  TlsOptions options;
  options.version = settings.tls;
  options.server_name = settings.host;
  options.http2 = settings.streams > 0;
  options.resume = settings.resume;
  return TlsClient::Make(options);
}

absl::StatusOr<LaneOptions> MakeLaneOptions(const Settings& settings, TlsClient* tls) {
  if (settings.streams > 0 && settings.connect_per_request) {
    return absl::InvalidArgumentError("--connect-per-request is for HTTP/1.1, not --streams");
  }
  if (settings.grpc && settings.streams == 0) {
    return absl::InvalidArgumentError("--grpc needs --streams");
  }
  LaneOptions lane;
  ASSIGN_OR_RETURN(lane.target, ParseAddress(settings.target));
  lane.connect_per_request = settings.connect_per_request;
  lane.source_addresses = static_cast<uint32_t>(settings.source_addresses);
  lane.expect_status = static_cast<int>(settings.response_status);
  lane.expect_body_bytes = settings.method == "HEAD" ? 0 : settings.response_bytes;
  lane.expect_grpc = settings.grpc;
  if (settings.grpc) lane.expect_body_bytes += kGrpcPrefixBytes;
  lane.streams = static_cast<uint32_t>(settings.streams);
  lane.tls = tls;
  return lane;
}

ClientOptions MakeClientOptions(const Settings& settings, LaneOptions lane) {
  ClientOptions options;
  options.lane = std::move(lane);
  options.connections = settings.connections;
  options.rate = static_cast<double>(settings.rate);
  if (settings.requests > 0) options.requests = settings.requests;
  if (settings.in_flight > 0) options.most_in_flight = settings.in_flight;
  if (settings.idle) {
    // Few at once, so that the proxy opens few connections to the upstream.
    options.requests = settings.connections;
    options.most_in_flight = 8;
  }
  options.timeout_nanos = absl::ToInt64Nanoseconds(settings.timeout);
  return options;
}

absl::StatusOr<std::vector<pid_t>> Watched(const Settings& settings) {
  std::vector<pid_t> pids;
  for (const std::string& text : settings.watch) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(text, &pid)) {
      return absl::InvalidArgumentError(absl::StrCat("--watch: not a process: ", text));
    }
    pids.push_back(pid);
  }
  return pids;
}

void RaiseFileLimit() {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// What turns: the loop, the load, and the upstream where it is here.
struct Bench {
  Loop& loop;
  Load& load;
  Upstream* upstream;

  void Turn(int64_t now, int64_t end) {
    int64_t until = std::min(end, load.Tick(now));
    if (upstream != nullptr) until = std::min(until, upstream->Tick(now));
    loop.Turn(until);
  }
  void TurnUntil(int64_t end, uint64_t finished = UINT64_MAX) {
    for (int64_t now = NowNanos(); now < end && load.finished() < finished; now = NowNanos()) {
      Turn(now, end);
    }
  }
};

// After the window: what fell due in it has a second to end.
void Drain(Bench& bench) {
  bench.load.Stop();
  const int64_t end = NowNanos() + kSecond;
  while (bench.load.in_flight() > 0 && NowNanos() < end) bench.Turn(NowNanos(), end);
}

RunResult Measure(Bench bench, const Settings& settings, absl::Span<const pid_t> watched) {
  Load& load = bench.load;
  const pid_t self[] = {getpid()};
  load.Start();
  if (settings.requests == 0) {
    bench.TurnUntil(NowNanos() + absl::ToInt64Nanoseconds(settings.warmup));
  }
  RunResult result;
  const uint64_t watched_before = CpuMicros(watched);
  const uint64_t own_before = CpuMicros(self);
  const int64_t begin = NowNanos();
  load.OpenWindow(begin);
  bench.TurnUntil(
      settings.requests > 0 ? INT64_MAX : begin + absl::ToInt64Nanoseconds(settings.duration),
      settings.requests > 0 ? settings.requests : UINT64_MAX);
  const int64_t end = NowNanos();
  load.CloseWindow(end);
  result.watched_cpu_micros = CpuMicros(watched) - watched_before;
  result.own_cpu_micros = CpuMicros(self) - own_before;
  result.seconds = static_cast<double>(end - begin) / kSecond;
  Drain(bench);
  result.begun = load.begun();
  result.unfinished = settings.rate > 0 ? load.in_flight() : 0;
  result.client = &load.tally();
  return result;
}

class StandardInput final : public Source {
 public:
  explicit StandardInput(Loop& loop) { loop.Add(STDIN_FILENO, *this); }
  void OnEvents(uint32_t) override {
    char byte;
    ended_ = read(STDIN_FILENO, &byte, 1) <= 0;
  }
  bool ended() const { return ended_; }

 private:
  bool ended_ = false;
};

// Serves until told.
absl::Status Serve(Loop& loop, Upstream& upstream) {
  StandardInput input(loop);
  std::cout << "{\"port\": " << upstream.port() << "}" << std::endl;
  while (!input.ended()) {
    const int64_t now = NowNanos();
    loop.Turn(std::min(now + kSecond, upstream.Tick(now)));
  }
  std::cout << "{\"requests\": " << upstream.tally().requests << "}" << std::endl;
  return absl::OkStatus();
}

// Says when all connections stand and wait, and holds them until told.
RunResult Hold(Bench bench, const Settings& settings) {
  Load& load = bench.load;
  StandardInput input(bench.loop);
  const int64_t begin = NowNanos();
  load.OpenWindow(begin);
  load.Start();
  bench.TurnUntil(INT64_MAX, settings.connections);
  std::printf("{\"idle\": %zu, \"failed\": %zu}\n", static_cast<size_t>(load.tally().completed),
              static_cast<size_t>(load.tally().failures()));
  std::fflush(stdout);
  while (!input.ended()) bench.Turn(NowNanos(), INT64_MAX);
  RunResult result;
  result.client = &load.tally();
  result.seconds = static_cast<double>(NowNanos() - begin) / kSecond;
  return result;
}

absl::Status Run(const Settings& settings) {
  Loop loop;
  std::optional<Upstream> upstream;
  if (!settings.upstream.empty()) {
    ASSIGN_OR_RETURN(const UpstreamOptions options, MakeUpstreamOptions(settings));
    upstream.emplace(loop, options);
    RETURN_IF_ERROR(upstream->Start());
  }
  if (settings.serve) {
    if (!upstream) return absl::InvalidArgumentError("--serve needs --upstream");
    return Serve(loop, *upstream);
  }
  ASSIGN_OR_RETURN(RequestPlan plan, MakePlan(settings));
  ASSIGN_OR_RETURN(const std::unique_ptr<TlsClient> tls, MakeTls(settings));
  ASSIGN_OR_RETURN(LaneOptions lane, MakeLaneOptions(settings, tls.get()));
  ASSIGN_OR_RETURN(const std::vector<pid_t> watched, Watched(settings));
  ASSIGN_OR_RETURN(const EventOptions events, MakeEventOptions(settings));
  std::unique_ptr<Load> load;
  if (events.kind == EventKind::kNone) {
    load = std::make_unique<Client>(loop, plan, MakeClientOptions(settings, std::move(lane)));
  } else {
    load = std::make_unique<EventClient>(
        loop, plan, EventClient::Options{std::move(lane), settings.connections, events});
  }
  const Bench bench{loop, *load, upstream ? &*upstream : nullptr};
  RunResult result = settings.idle ? Hold(bench, settings) : Measure(bench, settings, watched);
  if (upstream) result.upstream = &upstream->tally();
  if (tls != nullptr) result.tls_resumed = tls->resumed();
  result.with_histogram = settings.histogram;
  std::cout << ReportJson(result) << std::endl;
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Settings settings;
  Flags flags("hairpin", "Load generator and upstream in one thread.");
  Define(flags, settings);
  const absl::StatusOr<std::vector<std::string>> rest = flags.Parse(argc, argv);
  if (!rest.ok() || !rest->empty()) {
    std::cerr << "hairpin: " << (rest.ok() ? "takes no arguments" : rest.status().message())
              << "\n";
    return 2;
  }
  if (settings.help) {
    std::cout << flags.Help();
    return 0;
  }
  std::signal(SIGPIPE, SIG_IGN);
  // Without this, waits of an open loop end up to 50 us late.
  prctl(PR_SET_TIMERSLACK, 1);
  RaiseFileLimit();
  if (const absl::Status status = Run(settings); !status.ok()) {
    std::cerr << "hairpin: " << status.message() << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace sluice::hairpin

int main(int argc, char** argv) { return sluice::hairpin::Main(argc, argv); }
