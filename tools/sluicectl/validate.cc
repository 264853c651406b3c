#include "absl/strings/str_cat.h"
#include "api/resource/files.h"
#include "api/validate/configuration.h"
#include "base/status_macros.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/input.h"
#include "tools/sluicectl/print.h"

namespace sluice::sluicectl {
namespace {

class Validate final : public Command {
 public:
  void AddFlags(Flags& flags) override {
    flags.Repeated("file", "FILE|DIR|-", "the whole configuration; may stand several times",
                   &files_);
    flags.Letter('f', "file");
    flags.Repeated("with", "FILE|DIR", "may be referred to, and is not judged", &with_);
  }

  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>&, Client&) override {
    ASSIGN_OR_RETURN(const resource::ReadResult read, ReadFiles(files_));
    const resource::ReadResult context = resource::ReadPaths(with_, ReadingHere());
    std::vector<resource::Problem> problems = validate::ValidateConfiguration(read, &context);
    if (resource::HasError(problems)) return ProblemsError(std::move(problems));
    PrintProblems(problems);
    Print(absl::StrCat(read.resources.size(), " resources, all valid\n"));
    return ExitStatus::kDone;
  }

 private:
  std::vector<std::string> files_;
  std::vector<std::string> with_;
};

}  // namespace

std::unique_ptr<Command> MakeValidate() { return std::make_unique<Validate>(); }

}  // namespace sluice::sluicectl
