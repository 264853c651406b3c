#include "proxy/main/pages.h"

#include <map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "api/match/explain.h"
#include "base/version.h"
#include "proxy/http/fields.h"
#include "proxy/main/json.h"
#include "proxy/observe/process_stats.h"
#include "proxy/observe/prometheus.h"

namespace sluice::main {
namespace {

using server::Page;

Page Text(int status, std::string text) {
  return {status, "text/plain; charset=utf-8", text + "\n"};
}

// What stands for a query parameter, decoded.
std::string Parameter(const std::string& query, absl::string_view name) {
  const absl::string_view value = http::FindQueryParameter(query, name);
  std::string decoded;
  for (size_t i = 0; i < value.size(); ++i) {
    const bool is_escape = value[i] == '%' && i + 2 < value.size() &&
                           absl::ascii_isxdigit(value[i + 1]) && absl::ascii_isxdigit(value[i + 2]);
    if (is_escape) {
      decoded += absl::HexStringToBytes(value.substr(i + 1, 2));
      i += 2;
    } else {
      decoded += value[i] == '+' ? ' ' : value[i];
    }
  }
  return decoded;
}

}  // namespace

Pages::Pages(const ProxyState& state, event::Loop& loop, Sources sources, BuildThread& build,
             std::vector<server::Worker*> workers)
    : state_(state), loop_(loop), sources_(sources), build_(build), workers_(std::move(workers)) {}

void Pages::GetPage(const std::string& target, absl::AnyInvocable<void(Page)> done) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(target, absl::MaxSplits('?', 1));
  const std::string& path = parts.first;
  if (path == "/ready") return done(Ready());
  if (path == "/live") return done(Text(200, "live"));
  if (path == "/stats/prometheus" || path == "/metrics") return done(Metrics());
  if (path == "/config") return Config(std::move(done));
  if (path == "/overload") return done(Overload());
  if (path == "/clusters") return Clusters(std::move(done));
  if (path == "/explain") return Explain(parts.second, std::move(done));
  const int status = path == "/" ? 200 : 404;
  done(Text(status,
            "/ready\n/live\n/stats/prometheus\n/config\n/clusters\n/overload\n"
            "/explain?method=&url="));
}

Page Pages::Ready() const {
  if (state_.is_draining) return Text(503, "draining");
  if (!state_.is_serving) return Text(503, "no configuration yet");
  return Text(200, absl::StrCat("ready: generation ", state_.generation));
}

Page Pages::Overload() const {
  if (sources_.overload == nullptr) return Text(404, "off: --no-overload-protection");
  return JsonPage(sources_.overload->Describe());
}

Page Pages::Metrics() const {
  using observe::ProcessMetric;
  observe::MetricRegistry& metrics = sources_.metrics;
  observe::UpdateProcessStats(metrics);
  const observe::LogThread::Stats log = sources_.log.GetStats();
  metrics.Set(ProcessMetric::kAccessLogLines, static_cast<double>(log.lines));
  metrics.Set(ProcessMetric::kAccessLogDropped, static_cast<double>(log.dropped));
  metrics.Set(ProcessMetric::kAccessLogWriteErrors, static_cast<double>(log.errors));
  metrics.Set(ProcessMetric::kRateLimitEvictions,
              static_cast<double>(sources_.counters.evictions()));
  const net::dns::Resolver::Stats& dns = sources_.resolver.stats();
  metrics.Set(ProcessMetric::kDnsResolutions, static_cast<double>(dns.resolved),
              static_cast<size_t>(observe::DnsResult::kOk));
  metrics.Set(ProcessMetric::kDnsResolutions, static_cast<double>(dns.failed),
              static_cast<size_t>(observe::DnsResult::kFailed));
  metrics.Set(ProcessMetric::kReady, state_.is_serving && !state_.is_draining);
  metrics.Set(ProcessMetric::kDraining, state_.is_draining);
  metrics.Set(ProcessMetric::kWorkers, static_cast<double>(workers_.size()));
  metrics.Set(ProcessMetric::kConfigGeneration, static_cast<double>(state_.generation));
  metrics.Set(ProcessMetric::kConfigDegraded, !state_.faults.empty());
  metrics.Set(ProcessMetric::kControlPlaneConnected, state_.is_connected);
  auto text = std::make_unique<observe::PrometheusText>(metrics);
  return {200, std::string(observe::PrometheusText::kContentType), "",
          [text = std::move(text)](std::string& body) { return text->Next(&body); }};
}

void Pages::Config(absl::AnyInvocable<void(Page)> done) {
  build_.PostFromAnyThread([this, done = std::move(done)]() mutable {
    // The specs are immutable: what is read here may be formatted there.
    std::shared_ptr<const runtime::Snapshot> snapshot = build_.snapshot();
    const size_t routes = build_.route_count();
    loop_.PostFromAnyThread([this, snapshot, routes, done = std::move(done)]() mutable {
      std::vector<std::string> listeners;
      if (snapshot != nullptr) {
        for (const auto& spec : snapshot->listeners) {
          listeners.push_back(absl::StrCat("{\"name\":", JsonString(spec->name),
                                           ",\"address\":", JsonString(spec->address.ToString()),
                                           ",\"routes\":", spec->rules->routes.size(), "}"));
        }
      }
      std::vector<std::string> groups, faults;
      for (const std::string& group : state_.groups) groups.push_back(JsonString(group));
      for (const std::string& fault : state_.faults) faults.push_back(JsonString(fault));
      done(JsonPage(absl::StrCat(
          "{\"node\":", JsonString(state_.node), ",\"groups\":[", absl::StrJoin(groups, ","),
          "],\"build\":", JsonString(kVersion), ",\"schema\":", kSchema, ",\"source\":",
          JsonString(state_.source), ",\"connected\":", state_.is_connected ? "true" : "false",
          ",\"generation\":", state_.generation, ",\"view_hash\":", JsonString(state_.view_hash),
          ",\"persisted_generation\":", state_.persisted_generation, ",\"routes\":", routes,
          ",\"consumers\":", snapshot == nullptr ? 0 : snapshot->consumers->size(),
          ",\"listeners\":[", absl::StrJoin(listeners, ","), "],\"faults\":[",
          absl::StrJoin(faults, ","), "]}")));
    });
  });
}

namespace {

struct ExplainRequest {
  std::string method;
  std::string host;
  std::string path;
  std::string query;
  std::string listener;
  std::string header_name;
  std::string header_value;
  std::array<uint8_t, 16> client_ip{};
};

size_t OneHeader(const void* context, absl::string_view name,
                 absl::Span<absl::string_view> values) {
  const auto& request = *static_cast<const ExplainRequest*>(context);
  if (request.header_name.empty() || name != request.header_name) return 0;
  if (!values.empty()) values[0] = request.header_value;
  return 1;
}

std::string ExplainIn(const runtime::ListenerSpec& spec, const ExplainRequest& request) {
  std::string buffer(request.path.size(), 0);
  const match::NormalisedPath path =
      match::Normalise(request.path, spec.rules->escaped_slashes, buffer.data());
  if (!path.ok()) return absl::StrCat("400 bad_path: ", match::PathErrorName(path.error));
  match::RequestView view;
  view.method = request.method;
  view.host = request.host;
  view.path = path.path;
  view.query = request.query;
  view.client_ip = request.client_ip;
  view.headers = {&OneHeader, &request};
  const match::Explanation explanation = match::Explain(spec.rules->routes, view);
  std::string text;
  if (explanation.winner != nullptr) {
    const auto* route =
        reinterpret_cast<const exchange::CompiledRoute*>(explanation.winner->payload);
    text = absl::StrCat("route ", route->name, "\nupstream ", route->upstream, "\n");
    for (const auto& chain : {route->early, route->late}) {
      for (const plugins::Element& element : chain->elements()) {
        absl::StrAppend(&text, "plugin ", element.name, "\n");
      }
    }
  } else if (!explanation.allowed_methods.empty()) {
    text = absl::StrCat("405 method_not_allowed; allowed: ", explanation.allowed_methods, "\n");
  } else {
    text = "404 no_route\n";
  }
  for (const match::NearMiss& miss : explanation.near_misses) {
    absl::StrAppend(&text, "not ", miss.route->spec->name(), ": ",
                    match::NearMissText(explanation, miss), "\n");
  }
  return text;
}

}  // namespace

void Pages::Explain(const std::string& query, absl::AnyInvocable<void(Page)> done) {
  ExplainRequest request;
  request.method = Parameter(query, "method");
  if (request.method.empty()) request.method = "GET";
  request.listener = Parameter(query, "listener");
  std::string url = Parameter(query, "url");
  for (const char* scheme : {"http://", "https://"}) {
    if (url.rfind(scheme, 0) != 0) continue;
    url = url.substr(std::string(scheme).size());
    const size_t slash = url.find('/');
    request.host = url.substr(0, slash);
    url = slash == std::string::npos ? "/" : url.substr(slash);
    break;
  }
  if (url.empty() || url[0] != '/') {
    return done(Text(400, "url: a path or an http URL is wanted, as in /explain?url=/orders"));
  }
  const size_t question = url.find('?');
  request.path = url.substr(0, question);
  if (question != std::string::npos) request.query = url.substr(question + 1);
  if (const auto ip = net::IpAddress::Parse(Parameter(query, "client_ip"))) {
    request.client_ip = ip->bytes();
  }
  const std::pair<std::string, std::string> header =
      absl::StrSplit(Parameter(query, "header"), absl::MaxSplits(':', 1));
  request.header_name = absl::AsciiStrToLower(header.first);
  request.header_value = std::string(absl::StripAsciiWhitespace(header.second));
  build_.PostFromAnyThread([this, request, done = std::move(done)]() mutable {
    std::string text;
    if (const auto snapshot = build_.snapshot()) {
      for (const auto& spec : snapshot->listeners) {
        if (!request.listener.empty() && spec->name != request.listener) continue;
        absl::StrAppend(&text, "listener ", spec->name, "\n", ExplainIn(*spec, request));
      }
    }
    if (text.empty()) text = "no such listener\n";
    loop_.PostFromAnyThread([text = std::move(text), done = std::move(done)]() mutable {
      done({200, "text/plain; charset=utf-8", std::move(text)});
    });
  });
}

}  // namespace sluice::main
