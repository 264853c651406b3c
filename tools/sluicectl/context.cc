#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/connection.h"
#include "tools/sluicectl/print.h"
#include "tools/sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

class ContextCommand final : public Command {
 public:
  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>& arguments, Client&) override {
    ASSIGN_OR_RETURN(const ContextFile file, ReadContexts());
    if (arguments.empty()) return List(file);
    if (arguments[0] != "use" || arguments.size() != 2) {
      return UsageError("want `sluicectl context` or `sluicectl context use NAME`");
    }
    if (file.Find(arguments[1]) == nullptr) {
      return absl::NotFoundError(
          absl::StrCat("there is no context \"", arguments[1], "\" in ", file.path));
    }
    RETURN_IF_ERROR(UseContext(file, arguments[1]));
    Print(absl::StrCat("context ", arguments[1], " is used\n"));
    return ExitStatus::kDone;
  }

 private:
  static ExitStatus List(const ContextFile& file) {
    if (file.contexts.empty()) {
      PrintError(absl::StrCat("no contexts in ", file.path, "\n"));
      return ExitStatus::kDone;
    }
    Table table({"NAME", "CURRENT", "SERVER", "TLS", "CERTIFICATE"});
    for (const Context& context : file.contexts) {
      const Connection& c = context.connection;
      table.Add({context.name, context.name == file.current ? "*" : "", c.server,
                 c.ca.empty() ? "no" : "yes", c.cert});
    }
    Print(table.ToString());
    return ExitStatus::kDone;
  }
};

}  // namespace

std::unique_ptr<Command> MakeContext() { return std::make_unique<ContextCommand>(); }

}  // namespace sluice::sluicectl
