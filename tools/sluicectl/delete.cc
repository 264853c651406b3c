#include "base/status_macros.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/input.h"
#include "tools/sluicectl/print.h"
#include "tools/sluicectl/wait.h"

namespace sluice::sluicectl {
namespace {

class Delete final : public Command {
 public:
  void AddFlags(Flags& flags) override {
    flags.Bool("dry-run", "check, and show what would change; commit nothing", &dry_run_);
    flags.String("message", "WHY", "for the history", &message_);
    flags.Letter('m', "message");
    wait_.Add(flags);
  }

  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>& arguments,
                                 Client& client) override {
    ASSIGN_OR_RETURN(const resource::Kind kind, ReadKind(arguments[0]));
    v1::DeleteRequest request;
    for (size_t i = 1; i < arguments.size(); ++i) {
      *request.add_keys() = resource::ToProto({kind, "", arguments[i]});
    }
    request.mutable_options()->set_dry_run(dry_run_);
    request.mutable_options()->set_message(message_);
    request.mutable_options()->set_author(Author());
    ASSIGN_OR_RETURN(const v1::ApplyResponse response, client.Delete(request));
    return wait_.PrintAndFinish(response, client);
  }

 private:
  bool dry_run_ = false;
  std::string message_;
  WaitFlags wait_;
};

}  // namespace

std::unique_ptr<Command> MakeDelete() { return std::make_unique<Delete>(); }

}  // namespace sluice::sluicectl
