// sluicectl: finds the command in the table, reads its flags, runs it, and turns what it comes to
// into an exit status.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/connection.h"
#include "tools/sluicectl/help.h"
#include "tools/sluicectl/print.h"

namespace sluice::sluicectl {
namespace {

absl::Status AsUsage(const absl::Status& status) { return UsageError(status.message()); }

absl::Status CheckCount(const CommandInfo& info, const std::vector<std::string>& arguments) {
  if (arguments.size() > info.most_arguments) {
    return UsageError(absl::StrCat("unexpected argument \"", arguments[info.most_arguments], "\""));
  }
  if (arguments.size() < info.least_arguments) {
    return UsageError(absl::StrCat("arguments are missing; want ", info.arguments));
  }
  return absl::OkStatus();
}

absl::StatusOr<ExitStatus> RunCommand(const CommandInfo& info, CommonFlags common,
                                      const std::vector<std::string>& words) {
  const std::unique_ptr<Command> command = info.make();
  Flags flags(info.name, info.summary);
  command->AddFlags(flags);
  common.AddTo(flags);
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  const auto arguments = flags.Parse(static_cast<int>(argv.size()), argv.data());
  if (!arguments.ok()) return AsUsage(arguments.status());
  if (common.help) {
    Print(CommandText(info));
    return ExitStatus::kDone;
  }
  if (absl::Status status = CheckCount(info, *arguments); !status.ok()) return status;
  Connection connection;
  connection.server = kDefaultServer;
  if (info.needs_server) {
    ASSIGN_OR_RETURN(connection, ResolveConnection(common.connection, common.context));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, Client::Make(connection));
  return command->Run(*arguments, *client);
}

absl::StatusOr<ExitStatus> Run(int argc, const char* const* argv, std::string& command) {
  CommonFlags common;
  bool version = false;
  Flags flags("sluicectl", "speaks to a Sluice control plane.");
  common.AddTo(flags);
  flags.Bool("version", "print the version and exit", &version);
  flags.StopAtArgument();
  const auto words = flags.Parse(argc, argv);
  if (!words.ok()) return AsUsage(words.status());
  if (version) {
    Print(absl::StrCat("sluicectl ", kVersion, "\n"));
    return ExitStatus::kDone;
  }
  if (common.help) {
    Print(OverviewText(false));
    return ExitStatus::kDone;
  }
  if (words->empty()) {
    PrintError(OverviewText(false));
    return ExitStatus::kUsage;
  }
  const CommandInfo* const info = FindCommand((*words)[0]);
  if (info == nullptr) return UnknownCommand((*words)[0]);
  command = (*words)[0];
  return RunCommand(*info, common, *words);
}

int Main(int argc, const char* const* argv) {
  // What gRPC has to say of a failure is in its status.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  std::string command;
  const absl::StatusOr<ExitStatus> result = Run(argc, argv, command);
  ExitStatus status = result.ok() ? *result : ExitStatusOf(result.status());
  if (!result.ok()) {
    PrintFailure(result.status());
    if (status == ExitStatus::kUsage && !command.empty()) {
      PrintError(absl::StrCat("`sluicectl ", command, " --help` says more.\n"));
    }
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    PrintError("sluicectl: cannot write to standard output\n");
    if (status == ExitStatus::kDone) status = ExitStatus::kFailed;
  }
  return static_cast<int>(status);
}

}  // namespace
}  // namespace sluice::sluicectl

int main(int argc, char** argv) { return sluice::sluicectl::Main(argc, argv); }
