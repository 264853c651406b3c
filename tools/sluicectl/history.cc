#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/print.h"
#include "tools/sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

std::string WhatOf(const v1::Commit& commit) {
  if (commit.origin() == v1::Commit::ENDPOINTS) return "endpoints";
  if (commit.origin() == v1::Commit::TICKET_KEYS) return "ticket keys";
  return CountsText(commit.created(), commit.updated(), commit.deleted());
}

std::string WhyOf(const v1::Commit& commit) {
  if (commit.rollback_of() == 0) return commit.message();
  return absl::StrCat("rollback to ", commit.rollback_of(), commit.message().empty() ? "" : ": ",
                      commit.message());
}

class History final : public Command {
 public:
  void AddFlags(Flags& flags) override {
    flags.Bool("all", "commits of endpoint registration and of ticket keys too", &all_);
    flags.Uint("limit", "N", "the newest N; 0: all that are kept", &limit_);
    format_.Add(flags);
  }

  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>&, Client& client) override {
    ASSIGN_OR_RETURN(const Format format, format_.Read());
    if (limit_ > UINT32_MAX) return UsageError("--limit: too large");
    v1::HistoryRequest request;
    request.set_all(all_);
    request.set_limit(static_cast<uint32_t>(limit_));
    std::vector<v1::Commit> commits;
    RETURN_IF_ERROR(client.History(request, [&commits](const v1::Commit& commit) {
      commits.push_back(commit);
      return true;
    }));
    if (format != Format::kTable) {
      Print(ListText("generations", commits, format));
      return ExitStatus::kDone;
    }
    Table table({"GENERATION", "TIME", "AUTHOR", "FROM", "CHANGES", "WHY"});
    for (const v1::Commit& commit : commits) {
      table.Add({absl::StrCat(commit.generation()), TimeText(commit.time()), commit.author(),
                 commit.from(), WhatOf(commit), WhyOf(commit)});
    }
    table.empty() ? PrintError("no commits\n") : Print(table.ToString());
    return ExitStatus::kDone;
  }

 private:
  bool all_ = false;
  uint64_t limit_ = 100;
  FormatFlag format_;
};

}  // namespace

std::unique_ptr<Command> MakeHistory() { return std::make_unique<History>(); }

}  // namespace sluice::sluicectl
