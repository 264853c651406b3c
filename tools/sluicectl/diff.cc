#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/input.h"
#include "tools/sluicectl/print.h"

namespace sluice::sluicectl {
namespace {

class Diff final : public Command {
 public:
  void AddFlags(Flags& flags) override {
    flags.Repeated("file", "FILE|DIR|-", "what would be applied; may stand several times", &files_);
    flags.Letter('f', "file");
    flags.Bool("prune", "as if applied with --prune", &prune_);
    flags.String("label", "KEY=VALUE", "with --prune: its label", &label_);
    flags.Letter('l', "label");
    flags.Bool("adopt", "as if applied with --adopt", &adopt_);
    flags.Bool("exit-code", "exit with 3 if there is a difference", &exit_code_);
  }

  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>& arguments,
                                 Client& client) override {
    if (files_.empty() == arguments.empty()) {
      return UsageError("give either -f FILE or two generations");
    }
    if (prune_ == label_.empty() || (adopt_ && !prune_) || (prune_ && files_.empty())) {
      return UsageError("--prune, -l and --adopt stand together, with -f");
    }
    if (files_.empty()) {
      RETURN_IF_ERROR(CompareGenerations(arguments, client));
    } else {
      RETURN_IF_ERROR(CompareFiles(client));
    }
    const std::string counts = CountsText(created_, updated_, deleted_);
    Print(counts.empty() ? "no difference\n" : counts + "\n");
    return exit_code_ && !counts.empty() ? ExitStatus::kDiffers : ExitStatus::kDone;
  }

 private:
  absl::Status CompareGenerations(const std::vector<std::string>& arguments, Client& client) {
    v1::DiffRequest request;
    ASSIGN_OR_RETURN(const uint64_t from, ReadGeneration(arguments[0]));
    request.set_from(from);
    if (arguments.size() > 1) {
      ASSIGN_OR_RETURN(const uint64_t to, ReadGeneration(arguments[1]));
      request.set_to(to);
    }
    return client.Diff(request, [this](const v1::Change& change) {
      Show(change);
      return true;
    });
  }

  absl::Status CompareFiles(Client& client) {
    ASSIGN_OR_RETURN(resource::ReadResult read, ReadFiles(files_));
    if (!read.problems.empty()) return ProblemsError(AllProblems(read, client));
    v1::ApplyRequest::Options options;
    options.set_dry_run(true);
    options.set_prune(label_);
    options.set_adopt(adopt_);
    // Nothing is deleted by a comparison.
    options.set_allow_empty(true);
    ASSIGN_OR_RETURN(const v1::ApplyResponse response,
                     client.Apply(options, std::move(read.resources)));
    for (const v1::Change& change : response.changes()) Show(change);
    return absl::OkStatus();
  }

  void Show(const v1::Change& change) {
    Print(DiffText(change));
    switch (change.action()) {
      case v1::Change::CREATED:
        ++created_;
        break;
      case v1::Change::DELETED:
        ++deleted_;
        break;
      default:
        ++updated_;
    }
  }

  // Flags.
  std::vector<std::string> files_;
  bool prune_ = false;
  std::string label_;
  bool adopt_ = false;
  bool exit_code_ = false;

  // Of the changes that were shown.
  uint64_t created_ = 0;
  uint64_t updated_ = 0;
  uint64_t deleted_ = 0;
};

}  // namespace

std::unique_ptr<Command> MakeDiff() { return std::make_unique<Diff>(); }

}  // namespace sluice::sluicectl
