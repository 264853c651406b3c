#include "base/version.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/print.h"

namespace sluice::sluicectl {
namespace {

class Version final : public Command {
 public:
  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>&, Client& client) override {
    // Ours is said even if the server does not answer.
    Print(absl::StrCat("sluicectl ", kVersion, " (schema ", kSchema, ")\n"));
    ASSIGN_OR_RETURN(const v1::GetVersionResponse server, client.GetVersion());
    Print(absl::StrCat("control plane ", server.build(), " (schema ", server.schema(),
                       "), generation ", server.generation(), "\n"));
    return ExitStatus::kDone;
  }
};

}  // namespace

std::unique_ptr<Command> MakeVersion() { return std::make_unique<Version>(); }

}  // namespace sluice::sluicectl
