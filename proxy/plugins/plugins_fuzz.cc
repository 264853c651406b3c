// Any plugin, any configuration, any request: what validation accepts can be run, nothing crashes,
// and what goes on to the upstream and to the client is still a message.
//
// Input: the plugin's name; method and target; headers; an empty line; the configuration in
// protobuf's text format.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "api/match/normalise.h"
#include "api/validate/field.h"
#include "api/validate/plugins/registry.h"
#include "api/validate/shape.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "proxy/http/rules.h"
#include "proxy/plugins/limit_count/counter_table.h"
#include "proxy/plugins/registry.h"
#include "proxy/plugins/testing/plugin_harness.h"

namespace sluice::plugins {
namespace {

void Check(bool is_true, const char* what) {
  if (!is_true) internal::Die(what);
}

class Silent final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int, int, const std::string&) override {}
};

bool ParseText(absl::string_view text, google::protobuf::Message& config) {
  Silent silent;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&silent);
  return parser.ParseFromString(std::string(text), &config);
}

bool IsValid(const validate::Plugin& plugin, const google::protobuf::Message& config) {
  std::vector<validate::Problem> problems;
  const validate::Field top(problems, "Route", "fuzz");
  validate::CheckShape(config, top);
  plugin.check(config, top);
  return problems.empty();
}

struct FuzzRequest {
  std::string method;
  std::string target;
  PluginHarness::HeaderList headers;
};

// What a codec lets through, or nothing.
bool ReadHeaders(absl::string_view lines, PluginHarness::HeaderList& headers) {
  for (absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> header =
        absl::StrSplit(line, absl::MaxSplits(": ", 1));
    const bool is_host = http::LookupHeader(header.first) == http::HeaderId::kHost;
    if (!http::IsToken(header.first) || !http::IsHeaderValue(header.second)) return false;
    if (http::IsWrittenByCodec(http::LookupHeader(header.first)) && !is_host) return false;
    if (is_host && !http::IsValidAuthority(header.second)) return false;
    headers.emplace_back(header.first, header.second);
  }
  return true;
}

bool ReadTarget(absl::string_view target, std::string& out) {
  const size_t mark = target.find('?');
  std::string path(target.substr(0, mark));
  const auto normal = match::Normalise(path, match::EscapedSlashes::kKeep, path.data());
  if (!normal.ok()) return false;
  out = std::string(normal.path);
  if (mark != absl::string_view::npos) out.append(target.data() + mark, target.size() - mark);
  return true;
}

void CheckHeaders(const http::HeaderMap& headers) {
  headers.ForEach([](const http::HeaderMap::Entry& entry) {
    Check(http::IsToken(entry.name()), "a header without a name");
    for (const char c : entry.value()) {
      const auto byte = static_cast<unsigned char>(c);
      Check((byte >= 0x20 || c == '\t') && byte != 0x7f, "a control character in a header");
    }
  });
}

void CheckOutcome(PluginHarness& harness) {
  CheckHeaders(harness.request().headers);
  CheckHeaders(harness.response().headers);
  Check(!harness.is_paused(), "a request that stands still");
  const int status = harness.response().status;
  Check(status >= 200 && status <= 599, "a status out of range");
  if (!harness.was_forwarded()) return;
  std::string path(harness.request().path);
  Check(match::Normalise(path, match::EscapedSlashes::kKeep, path.data()).ok(),
        "a path that is none");
}

}  // namespace
}  // namespace sluice::plugins

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  using namespace sluice::plugins;
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::vector<absl::string_view> parts = absl::StrSplit(input, absl::MaxSplits('\n', 2));
  if (parts.size() != 3) return 0;
  const validate::Plugin* plugin = validate::FindPlugin(parts[0]);
  const std::pair<absl::string_view, absl::string_view> line =
      absl::StrSplit(parts[1], absl::MaxSplits(' ', 1));
  const std::pair<absl::string_view, absl::string_view> rest =
      absl::StrSplit(parts[2], absl::MaxSplits("\n\n", 1));
  FuzzRequest request;
  if (plugin == nullptr || !http::IsToken(line.first) || !ReadTarget(line.second, request.target) ||
      !ReadHeaders(rest.first, request.headers)) {
    return 0;
  }
  std::unique_ptr<google::protobuf::Message> config(plugin->prototype->New());
  if (!ParseText(rest.second, *config)) return 0;

  PluginHarness harness;
  CounterTable counters(harness.clock(), {1, 2}, 64);
  const Registry registry(counters);
  google::protobuf::Any any;
  any.PackFrom(*config);
  // Text that is no UTF-8 does not come through the wire.
  if (!any.UnpackTo(config.get())) return 0;
  absl::StatusOr<Element> element = registry.Make(plugin->name, any, {"Route", "fuzz"});
  if (!element.ok()) {
    Check(!IsValid(*plugin, *config), element.status().ToString().c_str());
    return 0;
  }
  harness.Add(*std::move(element));
  harness.AddConsumer("alice", "gold", "s3cret");
  harness.SetCaptures({{"id", "7"}, {"1", request.target}, {"2", std::string(rest.first)}});
  for (int i = 0; i < 2; ++i) {
    harness.Request(line.first, request.target, request.headers);
    if (harness.timer_ns() > 0) harness.RunTimer();
    CheckOutcome(harness);
  }
  return 0;
}
