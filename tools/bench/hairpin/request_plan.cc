#include "tools/bench/hairpin/request_plan.h"

#include <algorithm>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tools/bench/hairpin/grpc_message.h"

namespace sluice::hairpin {
namespace {

constexpr size_t kDraws = size_t{1} << 20;

std::vector<std::string> Expand(const RequestPlanOptions& options) {
  std::vector<std::string> paths;
  for (const std::string& path : options.paths) {
    if (!absl::StrContains(path, "{n}")) {
      paths.push_back(path);
      continue;
    }
    for (uint64_t n = 0; n < options.routes; ++n) {
      paths.push_back(absl::StrReplaceAll(path, {{"{n}", absl::StrCat(n)}}));
    }
  }
  return paths;
}

RequestPlan::Fields RenderFields(const RequestPlanOptions& options, const std::string& path,
                                 size_t body_bytes) {
  RequestPlan::Fields fields = {{":method", options.method},
                                {":scheme", options.scheme},
                                {":authority", options.host},
                                {":path", path}};
  for (const std::string& line : options.headers) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(": ", 1));
    fields.emplace_back(absl::AsciiStrToLower(parts.first), parts.second);
  }
  if (options.grpc) {
    fields.emplace_back("content-type", "application/grpc");
    fields.emplace_back("te", "trailers");
  } else if (body_bytes > 0) {
    fields.emplace_back("content-length", absl::StrCat(body_bytes));
  }
  return fields;
}

std::string Render(const RequestPlanOptions& options, absl::string_view path) {
  std::string text =
      absl::StrCat(options.method, " ", path, " HTTP/1.1\r\nHost: ", options.host, "\r\n");
  for (const std::string& line : options.headers) absl::StrAppend(&text, line, "\r\n");
  if (options.close) absl::StrAppend(&text, "Connection: close\r\n");
  if (options.body_bytes > 0) {
    absl::StrAppend(&text, "Content-Length: ", options.body_bytes, "\r\n");
  }
  absl::StrAppend(&text, "\r\n", std::string(options.body_bytes, 'b'));
  return text;
}

std::vector<uint32_t> Draw(size_t paths, bool zipf) {
  if (paths == 1) return {0};
  // Seeded with a constant: every proxy gets the same requests in the same order.
  std::mt19937_64 random(20'26);
  std::vector<uint32_t> sequence(kDraws);
  if (!zipf) {
    std::uniform_int_distribution<uint32_t> pick(0, static_cast<uint32_t>(paths - 1));
    for (uint32_t& index : sequence) index = pick(random);
    return sequence;
  }
  std::vector<double> reached(paths);
  double sum = 0;
  for (size_t i = 0; i < paths; ++i) reached[i] = sum += 1.0 / static_cast<double>(i + 1);
  std::uniform_real_distribution<double> pick(0, sum);
  for (uint32_t& index : sequence) {
    const auto at = std::lower_bound(reached.begin(), reached.end(), pick(random));
    index = static_cast<uint32_t>(
        std::min<ptrdiff_t>(at - reached.begin(), static_cast<ptrdiff_t>(paths - 1)));
  }
  return sequence;
}

}  // namespace

absl::StatusOr<RequestPlan> RequestPlan::Make(const RequestPlanOptions& options) {
  if (options.choice != "uniform" && options.choice != "zipf") {
    return absl::InvalidArgumentError(
        absl::StrCat("--choice must be uniform or zipf, got \"", options.choice, "\""));
  }
  const std::vector<std::string> paths = Expand(options);
  if (paths.empty()) return absl::InvalidArgumentError("no paths to request");
  RequestPlan plan;
  plan.is_head_ = options.method == "HEAD";
  plan.requests_.reserve(paths.size());
  plan.body_ = std::string(options.body_bytes, 'b');
  if (options.grpc) plan.body_ = GrpcMessage(plan.body_);
  for (const std::string& path : paths) {
    plan.requests_.push_back(Render(options, path));
    plan.fields_.push_back(RenderFields(options, path, plan.body_.size()));
  }
  plan.sequence_ = Draw(paths.size(), options.choice == "zipf");
  return plan;
}

}  // namespace sluice::hairpin
