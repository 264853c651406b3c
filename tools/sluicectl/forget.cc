#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/print.h"

namespace sluice::sluicectl {
namespace {

class Forget final : public Command {
 public:
  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>& arguments,
                                 Client& client) override {
    RETURN_IF_ERROR(client.Forget(arguments[0]));
    Print(absl::StrCat("forgot ", arguments[0], "\n"));
    return ExitStatus::kDone;
  }
};

}  // namespace

std::unique_ptr<Command> MakeForget() { return std::make_unique<Forget>(); }

}  // namespace sluice::sluicectl
