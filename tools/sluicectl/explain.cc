#include "api/match/explain.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/match/compiled_spec.h"
#include "api/match/table.h"
#include "api/validate/resource.h"
#include "base/nearest.h"
#include "base/status_macros.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/explain_stream.h"
#include "tools/sluicectl/input.h"
#include "tools/sluicectl/plugin_sources.h"
#include "tools/sluicectl/print.h"
#include "tools/sluicectl/probe.h"
#include "tools/sluicectl/table.h"
#include "tools/sluicectl/target.h"
#include "tools/sluicectl/view.h"

namespace sluice::sluicectl {
namespace {

using resource::Kind;

// What is explained: a configuration, and what it is called.
struct Source {
  std::vector<v1::Resource> resources;
  std::string what;  // "generation 42", "the files"
};

// `payload` of each route is its index in `routes`.
absl::StatusOr<match::Table> TableOf(const std::vector<const v1::Resource*>& routes) {
  std::vector<match::Table::Route> compiled;
  for (size_t i = 0; i < routes.size(); ++i) {
    const absl::StatusOr<std::shared_ptr<const match::CompiledSpec>> spec =
        match::Compile(validate::RouteSpecOf(*routes[i]));
    if (!spec.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("Route \"", routes[i]->name(), "\": ", spec.status().message()));
    }
    compiled.push_back({*spec, i});
  }
  return match::Table().With({}, compiled);
}

match::EscapedSlashes EscapedSlashesOf(const v1::Listener& listener) {
  switch (listener.escaped_slashes()) {
    case v1::Listener::ESCAPED_SLASHES_KEEP:
      return match::EscapedSlashes::kKeep;
    case v1::Listener::ESCAPED_SLASHES_DECODE:
      return match::EscapedSlashes::kDecode;
    default:
      return match::EscapedSlashes::kReject;
  }
}

std::string ListenersText(const View& view) {
  std::vector<std::string> texts;
  for (const v1::Resource* listener : view.listeners()) {
    texts.push_back(absl::StrCat(listener->name(), " (", listener->listener().address(), ")"));
  }
  return texts.empty() ? "none in this view" : absl::StrJoin(texts, ", ");
}

void PrintPlugins(const std::vector<PluginSource>& sources) {
  if (sources.empty()) {
    PrintField("plugins", "none");
    return;
  }
  Print("\n");
  Table table({"PLUGIN", "PHASE", "FROM", "INSTEAD OF"});
  for (const PluginSource& source : sources) {
    table.Add({source.plugin, source.phase,
               absl::StrCat(source.is_removed ? "removed by " : "", source.from),
               absl::StrJoin(source.over, ", ")});
  }
  Print(table.ToString());
}

bool Authenticates(const std::vector<PluginSource>& sources) {
  for (const PluginSource& source : sources) {
    if (source.phase == "authenticate" && !source.is_removed) return true;
  }
  return false;
}

// Routes that would match, were they in these groups or on these listeners.
void AddExcluded(const View& view, const match::RequestView& request, Table& table) {
  std::vector<const v1::Resource*> routes;
  for (const View::Excluded& excluded : view.excluded()) routes.push_back(excluded.route);
  const absl::StatusOr<match::Table> others = TableOf(routes);
  if (!others.ok()) return;  // What they match is not what was asked.
  const match::Explanation explanation = match::Explain(*others, request);
  const auto add = [&](const match::Table::Route& route) {
    table.Add({std::string(route.spec->name()),
               absl::StrCat("fails ", view.excluded()[route.payload].fails)});
  };
  if (explanation.winner != nullptr) add(*explanation.winner);
  for (const match::NearMiss& miss : explanation.near_misses) {
    if (miss.fails.empty()) add(*miss.route);
  }
}

class Explain final : public Command {
 public:
  void AddFlags(Flags& flags) override {
    flags.Repeated("header", "'NAME: VALUE'", "a header of the request; may stand several times",
                   &headers_);
    flags.Letter('H', "header");
    flags.Strings("groups", "A,B", "as a proxy in these groups serves it", &groups_);
    flags.String("node", "NAME", "as this proxy serves it", &node_);
    flags.String("listener", "NAME", "where it comes in; else by the port of the URL", &listener_);
    flags.String("client-ip", "IP", "where it comes from", &client_ip_);
    flags.String("consumer", "NAME", "who is found to call, where a plugin authenticates",
                 &consumer_);
    flags.Repeated("file", "FILE|DIR|-", "explain these files, without a server", &files_);
    flags.Letter('f', "file");
    flags.Uint("generation", "G", "explain that generation", &generation_);
    flags.String("expect", "ROUTE", "exit with 1 unless this route serves it", &expect_);
  }

  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>& arguments,
                                 Client& client) override {
    RETURN_IF_ERROR(CheckFlags());
    ASSIGN_OR_RETURN(Probe probe, Probe::Parse(arguments[0], arguments[1], headers_, client_ip_));
    if (!node_.empty()) {
      RETURN_IF_ERROR(AskNode(client));
    }
    ASSIGN_OR_RETURN(const Source source, Load(client));
    ViewChoice choice;
    if (!groups_.empty() || !node_.empty()) choice.groups = groups_;
    choice.listener = listener_;
    choice.port = probe.port();
    choice.is_stream = probe.is_stream();
    ASSIGN_OR_RETURN(const View view, View::Make(source.resources, choice));
    PrintField("source", source.what);
    PrintField("listener", ListenersText(view));
    if (probe.is_stream()) {
      ASSIGN_OR_RETURN(const std::string served_by, ExplainStream(view, probe));
      return Verdict(served_by);
    }
    const match::EscapedSlashes slashes = view.listeners().empty()
                                              ? match::EscapedSlashes::kReject
                                              : EscapedSlashesOf(view.listeners()[0]->listener());
    if (absl::Status status = probe.Normalise(slashes); !status.ok()) {
      PrintField("route", absl::StrCat("none: 400, ", status.message()));
      return Verdict("");
    }
    return ExplainIn(view, probe);
  }

 private:
  absl::Status CheckFlags() const {
    if (!files_.empty() && (!node_.empty() || generation_ != 0)) {
      return UsageError("-f: stands with neither --node nor --generation, which are a server's");
    }
    if (!node_.empty() && !groups_.empty()) {
      return UsageError("--node: has its own groups; --groups does not stand with it");
    }
    return absl::OkStatus();
  }

  // The groups of the node, and the generation that it serves.
  absl::Status AskNode(Client& client) {
    bool is_found = false;
    std::vector<std::string> nodes;
    RETURN_IF_ERROR(client.ListProxies({}, [&](const v1::ProxyStatus& proxy) {
      nodes.push_back(proxy.node());
      if (proxy.node() != node_) return true;
      is_found = true;
      groups_.assign(proxy.groups().begin(), proxy.groups().end());
      if (generation_ == 0) generation_ = proxy.active().number();
      return false;
    }));
    if (is_found) return absl::OkStatus();
    const absl::string_view near = Nearest(node_, {nodes.begin(), nodes.end()});
    return absl::NotFoundError(
        absl::StrCat("--node: there is no proxy \"", node_, "\"",
                     near.empty() ? std::string() : absl::StrCat("; did you mean ", near, "?")));
  }

  absl::StatusOr<Source> Load(Client& client) const {
    Source source;
    if (!files_.empty()) {
      ASSIGN_OR_RETURN(resource::ReadResult read, ReadFiles(files_));
      if (!read.problems.empty()) return ProblemsError(std::move(read.problems));
      for (resource::SourcedResource& each : read.resources) {
        source.resources.push_back(std::move(each.resource));
      }
      source.what = absl::StrJoin(files_, ", ");
      return source;
    }
    v1::ListRequest request;
    request.set_generation(generation_);
    uint64_t generation = 0;
    RETURN_IF_ERROR(client.List(request, [&](const v1::ListResponse& part) {
      generation = part.generation();
      source.resources.insert(source.resources.end(), part.resources().begin(),
                              part.resources().end());
      return true;
    }));
    source.what =
        absl::StrCat("generation ", generation,
                     node_.empty() ? "" : absl::StrCat(" as proxy ", node_, " serves it"));
    return source;
  }

  absl::StatusOr<ExitStatus> ExplainIn(const View& view, const Probe& probe) const {
    ASSIGN_OR_RETURN(const match::Table table, TableOf(view.routes()));
    const match::RequestView request = probe.View();
    const match::Explanation explanation = match::Explain(table, request);
    const v1::Resource* winner = nullptr;
    if (explanation.winner != nullptr) {
      winner = view.routes()[explanation.winner->payload];
      PrintField("route", absl::StrCat(winner->name(), " (host ",
                                       explanation.host.empty() ? "any" : explanation.host,
                                       ", path ", explanation.path, ")"));
      if (request.method == "CONNECT" && !winner->route().connect()) {
        PrintField("connect", "405: the route does not allow it");
      }
      for (const auto& [title, text] : TargetLines(view, winner->route(), request)) {
        PrintField(title, text);
      }
    } else if (!explanation.allowed_methods.empty()) {
      PrintField("route", "none: 405, Allow: " + explanation.allowed_methods);
    } else {
      PrintField("route", "none: 404");
    }
    RETURN_IF_ERROR(ExplainPlugins(view, winner));
    PrintNearMisses(view, request, explanation);
    return Verdict(winner == nullptr ? "" : winner->name());
  }

  absl::Status ExplainPlugins(const View& view, const v1::Resource* route) const {
    const v1::Resource* consumer = nullptr;
    if (!consumer_.empty()) {
      consumer = view.Find(Kind::kConsumer, consumer_);
      if (consumer == nullptr) {
        return absl::NotFoundError(
            absl::StrCat("--consumer: there is no consumer \"", consumer_, "\""));
      }
      if (!Authenticates(PluginSources(view, route, nullptr))) {
        PrintField("consumer", consumer_ + " (not asked: no plugin authenticates)");
        consumer = nullptr;
      } else {
        PrintField("consumer", consumer_);
      }
    }
    PrintPlugins(PluginSources(view, route, consumer));
    return absl::OkStatus();
  }

  static void PrintNearMisses(const View& view, const match::RequestView& request,
                              const match::Explanation& explanation) {
    Table table({"NEAR MISS", "WHY"});
    AddExcluded(view, request, table);
    for (const match::NearMiss& miss : explanation.near_misses) {
      table.Add({std::string(miss.route->spec->name()), match::NearMissText(explanation, miss)});
    }
    if (!table.empty()) Print("\n" + table.ToString());
    if (explanation.further > 0) {
      Print(absl::StrCat("and ", explanation.further, " more routes that are further off\n"));
    }
  }

  absl::StatusOr<ExitStatus> Verdict(absl::string_view served_by) const {
    if (expect_.empty() || expect_ == served_by) return ExitStatus::kDone;
    return absl::FailedPreconditionError(
        absl::StrCat("expected route \"", expect_, "\", got ",
                     served_by.empty() ? "none" : absl::StrCat("\"", served_by, "\"")));
  }

  std::vector<std::string> headers_;
  std::vector<std::string> groups_;
  std::string node_;
  std::string listener_;
  std::string client_ip_ = "127.0.0.1";
  std::string consumer_;
  std::vector<std::string> files_;
  uint64_t generation_ = 0;
  std::string expect_;
};

}  // namespace

std::unique_ptr<Command> MakeExplain() { return std::make_unique<Explain>(); }

}  // namespace sluice::sluicectl
