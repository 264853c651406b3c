#include "base/status_macros.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/input.h"
#include "tools/sluicectl/print.h"
#include "tools/sluicectl/wait.h"

namespace sluice::sluicectl {
namespace {

class Rollback final : public Command {
 public:
  void AddFlags(Flags& flags) override {
    flags.Strings("label", "KEY=VALUE,...", "only resources that have or had these labels",
                  &labels_);
    flags.Letter('l', "label");
    flags.Bool("dry-run", "check, and show what would change; commit nothing", &dry_run_);
    flags.Bool("allow-skew", "commit even what a connected proxy is too old to read", &allow_skew_);
    flags.Uint("expect", "GENERATION", "refuse if what is touched has changed since", &expect_);
    flags.String("message", "WHY", "for the history", &message_);
    flags.Letter('m', "message");
    wait_.Add(flags);
  }

  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>& arguments,
                                 Client& client) override {
    if (arguments.size() == 2) return UsageError("want GENERATION, or GENERATION KIND NAME");
    if (arguments.size() > 2 && !labels_.empty()) {
      return UsageError("-l: does not stand with KIND NAME");
    }
    v1::RollbackRequest request;
    ASSIGN_OR_RETURN(const uint64_t generation, ReadGeneration(arguments[0]));
    request.set_generation(generation);
    for (const std::string& label : labels_) request.add_labels(label);
    if (arguments.size() > 2) {
      ASSIGN_OR_RETURN(const resource::Kind kind, ReadKind(arguments[1]));
      *request.add_keys() = resource::ToProto({kind, "", arguments[2]});
    }
    v1::ApplyRequest::Options& options = *request.mutable_options();
    options.set_dry_run(dry_run_);
    options.set_allow_skew(allow_skew_);
    if (expect_.has_value()) options.set_expect(*expect_);
    options.set_message(message_);
    options.set_author(Author());
    ASSIGN_OR_RETURN(const v1::ApplyResponse response, client.Rollback(request));
    return wait_.PrintAndFinish(response, client);
  }

 private:
  std::vector<std::string> labels_;
  bool dry_run_ = false;
  bool allow_skew_ = false;
  std::optional<uint64_t> expect_;
  std::string message_;
  WaitFlags wait_;
};

}  // namespace

std::unique_ptr<Command> MakeRollback() { return std::make_unique<Rollback>(); }

}  // namespace sluice::sluicectl
