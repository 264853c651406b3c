#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/print.h"
#include "tools/sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

std::string StateText(v1::ProxyStatus::State state) {
  return absl::AsciiStrToLower(v1::ProxyStatus::State_Name(state));
}

std::string GenerationText(const v1::Generation& generation) {
  return generation.number() == 0 ? "" : absl::StrCat(generation.number());
}

std::string LagText(const v1::ProxyStatus& proxy) {
  if (!proxy.has_lag()) return "";
  return DurationText(absl::Seconds(proxy.lag().seconds()) +
                      absl::Nanoseconds(proxy.lag().nanos()));
}

// Why it is not as it should be, local faults that last, and endpoints that are not well; each
// once.
std::vector<resource::Problem> AllProblems(const v1::ProxyStatus& proxy) {
  std::vector<resource::Problem> problems;
  for (const v1::Problem& problem : proxy.problems()) {
    problems.push_back(resource::FromProto(problem));
  }
  for (const v1::Problem& problem : proxy.report().problems()) {
    problems.push_back(resource::FromProto(problem));
  }
  resource::Sort(problems);
  std::vector<resource::Problem> unhealthy;
  for (const v1::Problem& problem : proxy.report().unhealthy()) {
    unhealthy.push_back(resource::FromProto(problem));
  }
  resource::Sort(unhealthy);
  problems.insert(problems.end(), unhealthy.begin(), unhealthy.end());
  return problems;
}

// Endpoints that are not well, beyond those that the proxy names.
uint64_t UnnamedEndpoints(const v1::ProxyStatus& proxy) {
  const auto named = static_cast<uint64_t>(proxy.report().unhealthy_size());
  return std::max(proxy.report().unhealthy_endpoints(), named) - named;
}

std::string ProblemsText(const v1::ProxyStatus& proxy) {
  const std::vector<resource::Problem> problems = AllProblems(proxy);
  if (problems.empty()) return "";
  constexpr size_t kMostBytes = 100;
  std::string text = resource::ToString(problems[0]);
  if (text.size() > kMostBytes) text = text.substr(0, kMostBytes) + "...";
  const uint64_t more = problems.size() - 1 + UnnamedEndpoints(proxy);
  if (more > 0) absl::StrAppend(&text, " (+", more, ")");
  return text;
}

// `3 proxies: 2 active, 1 rejected; generation 42`.
std::string Summary(const std::vector<v1::ProxyStatus>& proxies, uint64_t generation) {
  std::array<size_t, v1::ProxyStatus::State_ARRAYSIZE> counts = {};
  for (const v1::ProxyStatus& proxy : proxies) {
    if (v1::ProxyStatus::State_IsValid(proxy.state())) ++counts[proxy.state()];
  }
  std::string text = absl::StrCat(proxies.size(), proxies.size() == 1 ? " proxy" : " proxies");
  bool is_first = true;
  for (int state = 0; state < v1::ProxyStatus::State_ARRAYSIZE; ++state) {
    if (counts[state] == 0) continue;
    absl::StrAppend(&text, std::exchange(is_first, false) ? ": " : ", ", counts[state], " ",
                    StateText(static_cast<v1::ProxyStatus::State>(state)));
  }
  return absl::StrCat(text, "; generation ", generation, "\n");
}

class Status final : public Command {
 public:
  void AddFlags(Flags& flags) override {
    flags.Strings("groups", "A,B", "only proxies in any of these groups", &groups_);
    flags.Bool("problems", "every problem in full, proxy by proxy", &problems_);
    format_.Add(flags);
  }

  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>&, Client& client) override {
    ASSIGN_OR_RETURN(const Format format, format_.Read());
    v1::ListProxiesRequest request;
    for (const std::string& group : groups_) request.add_groups(group);
    std::vector<v1::ProxyStatus> proxies;
    RETURN_IF_ERROR(client.ListProxies(request, [&proxies](const v1::ProxyStatus& proxy) {
      proxies.push_back(proxy);
      return true;
    }));
    if (format != Format::kTable) {
      Print(ListText("proxies", proxies, format));
      return ExitStatus::kDone;
    }
    ASSIGN_OR_RETURN(const v1::GetVersionResponse server, client.GetVersion());
    Print(Summary(proxies, server.generation()));
    if (!proxies.empty()) PrintTable(proxies);
    if (problems_) PrintAllProblems(proxies);
    return ExitStatus::kDone;
  }

 private:
  static void PrintTable(const std::vector<v1::ProxyStatus>& proxies) {
    Table table({"NODE", "GROUPS", "BUILD", "ACTIVE", "PHASE", "LAG", "LAST REPORT", "PROBLEMS"});
    for (const v1::ProxyStatus& proxy : proxies) {
      table.Add({proxy.node(), ShortList({proxy.groups().begin(), proxy.groups().end()}),
                 proxy.build(), GenerationText(proxy.active()), StateText(proxy.state()),
                 LagText(proxy), AgoText(proxy.last_report_at()), ProblemsText(proxy)});
    }
    Print(table.ToString());
  }

  static void PrintAllProblems(const std::vector<v1::ProxyStatus>& proxies) {
    for (const v1::ProxyStatus& proxy : proxies) {
      const std::vector<resource::Problem> problems = AllProblems(proxy);
      if (problems.empty()) continue;
      Print(absl::StrCat("\n", Printable(proxy.node()), " (", StateText(proxy.state()), ")\n"));
      for (const resource::Problem& problem : problems) {
        Print(absl::StrCat("  ", Printable(resource::ToString(problem)), "\n"));
      }
      const uint64_t unnamed = UnnamedEndpoints(proxy);
      if (unnamed > 0) Print(absl::StrCat("  and ", unnamed, " more unhealthy endpoints\n"));
    }
  }

  std::vector<std::string> groups_;
  bool problems_ = false;
  FormatFlag format_;
};

}  // namespace

std::unique_ptr<Command> MakeStatus() { return std::make_unique<Status>(); }

}  // namespace sluice::sluicectl
