#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/input.h"
#include "tools/sluicectl/print.h"
#include "tools/sluicectl/wait.h"

namespace sluice::sluicectl {
namespace {

class Apply final : public Command {
 public:
  void AddFlags(Flags& flags) override {
    flags.Repeated("file", "FILE|DIR|-", "what to apply; may stand several times", &files_);
    flags.Letter('f', "file");
    flags.Bool("dry-run", "check, and show what would change; commit nothing", &dry_run_);
    flags.Bool("prune", "delete what carries the label of -l and is absent from the files",
               &prune_);
    flags.String("label", "KEY=VALUE", "with --prune: the label, which everything gets", &label_);
    flags.Letter('l', "label");
    flags.Bool("adopt", "with --prune: take over what carries another label", &adopt_);
    flags.Bool("allow-empty", "with --prune: no resources are meant, delete all", &allow_empty_);
    flags.Bool("allow-skew", "commit even what a connected proxy is too old to read", &allow_skew_);
    flags.Uint("expect", "GENERATION", "refuse if what is touched has changed since", &expect_);
    flags.String("message", "WHY", "for the history", &message_);
    flags.Letter('m', "message");
    wait_.Add(flags);
  }

  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>&, Client& client) override {
    if (prune_ == label_.empty()) {
      return UsageError(prune_ ? "--prune: needs -l KEY=VALUE" : "-l: stands only with --prune");
    }
    if (!prune_ && (adopt_ || allow_empty_)) {
      return UsageError("--adopt and --allow-empty stand only with --prune");
    }
    ASSIGN_OR_RETURN(resource::ReadResult read, ReadFiles(files_));
    if (!read.problems.empty()) return ProblemsError(AllProblems(read, client));
    if (read.resources.empty() && !prune_) {
      return absl::InvalidArgumentError(
          absl::StrCat("no resources in ", absl::StrJoin(files_, ", ")));
    }
    ASSIGN_OR_RETURN(const v1::ApplyResponse response,
                     client.Apply(Options(), std::move(read.resources)));
    return wait_.PrintAndFinish(response, client);
  }

 private:
  v1::ApplyRequest::Options Options() const {
    v1::ApplyRequest::Options options;
    options.set_dry_run(dry_run_);
    if (expect_.has_value()) options.set_expect(*expect_);
    options.set_prune(label_);
    options.set_adopt(adopt_);
    options.set_allow_empty(allow_empty_);
    options.set_allow_skew(allow_skew_);
    options.set_message(message_);
    options.set_author(Author());
    return options;
  }

  std::vector<std::string> files_;
  bool dry_run_ = false;
  bool prune_ = false;
  std::string label_;
  bool adopt_ = false;
  bool allow_empty_ = false;
  bool allow_skew_ = false;
  std::optional<uint64_t> expect_;
  std::string message_;
  WaitFlags wait_;
};

}  // namespace

std::unique_ptr<Command> MakeApply() { return std::make_unique<Apply>(); }

}  // namespace sluice::sluicectl
