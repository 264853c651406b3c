#include "tools/sluicectl/explain_stream.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/match/compiled_spec.h"
#include "api/match/explain.h"
#include "api/match/table.h"
#include "api/validate/resource.h"
#include "base/status_macros.h"
#include "tools/sluicectl/print.h"
#include "tools/sluicectl/table.h"

namespace sluice::sluicectl {

using resource::Kind;

void PrintField(absl::string_view title, absl::string_view text) {
  std::string left(title);
  left.resize(10, ' ');
  Print(absl::StrCat(left, text, "\n"));
}

void PrintUpstream(const View& view, const std::string& upstream) {
  const v1::Resource* found = view.Find(Kind::kUpstream, upstream);
  if (found == nullptr) {
    PrintField("upstream", upstream + " (does not exist)");
    return;
  }
  std::vector<std::string> addresses;
  for (const v1::Endpoint& endpoint : found->upstream().endpoints()) {
    addresses.push_back(endpoint.address());
  }
  PrintField(
      "upstream",
      absl::StrCat(upstream, " (",
                   addresses.empty() ? "no configured endpoints" : ShortList(addresses, 5), ")"));
}

absl::StatusOr<std::string> ExplainStream(const View& view, const Probe& probe) {
  std::vector<match::Table::Route> compiled;
  for (size_t i = 0; i < view.stream_routes().size(); ++i) {
    ASSIGN_OR_RETURN(const std::shared_ptr<const match::CompiledSpec> spec,
                     match::Compile(validate::StreamSpecOf(*view.stream_routes()[i])));
    compiled.push_back({spec, i});
  }
  const match::Table table = match::Table().With({}, compiled);
  const match::Explanation explanation = match::Explain(table, probe.View());
  std::string served_by;
  if (explanation.winner == nullptr) {
    PrintField("route", "none: the connection is closed");
  } else {
    const v1::Resource& winner = *view.stream_routes()[explanation.winner->payload];
    served_by = winner.name();
    PrintField("route", absl::StrCat(served_by, " (server name ",
                                     explanation.host.empty() ? "any" : explanation.host, ")"));
    PrintUpstream(view, winner.stream_route().upstream());
  }
  Table misses({"NEAR MISS", "WHY"});
  for (const match::NearMiss& miss : explanation.near_misses) {
    misses.Add({std::string(miss.route->spec->name()), match::NearMissText(explanation, miss)});
  }
  if (!misses.empty()) Print("\n" + misses.ToString());
  return served_by;
}

}  // namespace sluice::sluicectl
