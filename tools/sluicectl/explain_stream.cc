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
#include "tools/sluicectl/target.h"

namespace sluice::sluicectl {

void PrintField(absl::string_view title, absl::string_view text) {
  std::string left(title);
  left.resize(10, ' ');
  Print(absl::StrCat(left, text, "\n"));
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
    PrintField("upstream", DescribedUpstream(view, winner.stream_route().upstream()));
  }
  Table misses({"NEAR MISS", "WHY"});
  for (const match::NearMiss& miss : explanation.near_misses) {
    misses.Add({std::string(miss.route->spec->name()), match::NearMissText(explanation, miss)});
  }
  if (!misses.empty()) Print("\n" + misses.ToString());
  return served_by;
}

}  // namespace sluice::sluicectl
