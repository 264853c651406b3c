#include "tools/sluicectl/help.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/nearest.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/print.h"

namespace sluice::sluicectl {
namespace {

constexpr absl::string_view kExitStatus =
    "Exit status:\n"
    "  0  done\n"
    "  1  refused or failed\n"
    "  2  usage\n"
    "  3  differs (diff --exit-code)\n"
    "  4  committed, but not active everywhere in time (--wait)\n";

constexpr absl::string_view kEnvironment =
    "Environment:\n"
    "  SLUICE_SERVER, SLUICE_CA, SLUICE_CERT, SLUICE_KEY, SLUICE_SERVER_NAME, SLUICE_CONTEXT\n"
    "                  as the flags of these names, where they are not given\n"
    "  VISUAL, EDITOR  the editor of `sluicectl edit`\n";

std::string Indented(absl::string_view text) {
  std::string lines;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    absl::StrAppend(&lines, "  ", line, "\n");
  }
  return lines;
}

std::string Usage(const CommandInfo& info) {
  return absl::StrCat("sluicectl ", info.name, info.arguments.empty() ? "" : " ", info.arguments,
                      " [FLAG...]");
}

std::string FlagsText(const CommandInfo& info) {
  const std::unique_ptr<Command> command = info.make();
  Flags flags("", "");
  command->AddFlags(flags);
  return flags.FlagHelp();
}

std::string CommonFlagsText() {
  CommonFlags common;
  Flags flags("", "");
  common.AddTo(flags);
  return flags.FlagHelp();
}

class Help final : public Command {
 public:
  void AddFlags(Flags& flags) override {
    flags.Bool("all", "everything: what the manual page is made of", &all_);
  }

  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>& arguments, Client&) override {
    if (arguments.empty()) {
      Print(OverviewText(all_));
      return ExitStatus::kDone;
    }
    const CommandInfo* const info = FindCommand(arguments[0]);
    if (info == nullptr) return UnknownCommand(arguments[0]);
    Print(CommandText(*info));
    return ExitStatus::kDone;
  }

 private:
  bool all_ = false;
};

}  // namespace

void CommonFlags::AddTo(Flags& flags) {
  flags.String("server", "HOST:PORT", "the control plane (127.0.0.1:9400)", &connection.server);
  flags.String("ca", "FILE", "speaks TLS, to a server of these authorities", &connection.ca);
  flags.String("cert", "FILE", "the certificate to show it", &connection.cert);
  flags.String("key", "FILE", "the private key of --cert", &connection.key);
  flags.String("server-name", "NAME", "the name that its certificate has, if not that of --server",
               &connection.server_name);
  flags.String("context", "NAME", "what contexts.yaml says of it (sluicectl help context)",
               &context);
  flags.Bool("help", "print this and exit", &help);
}

std::string OverviewText(bool in_full) {
  std::string text =
      "sluicectl: speaks to a Sluice control plane.\n\n"
      "Usage:\n  sluicectl [--server HOST:PORT] COMMAND [FLAG...]\n\nCommands:\n";
  for (const CommandInfo& info : Commands()) {
    std::string left = absl::StrCat("  ", info.name);
    left.resize(14, ' ');
    absl::StrAppend(&text, left, info.summary, "\n");
  }
  absl::StrAppend(&text, "\nFlags of every command:\n", CommonFlagsText(), "\n");
  if (in_full) {
    for (const CommandInfo& info : Commands()) {
      absl::StrAppend(&text, "Command ", info.name, ":\n  ", Usage(info), "\n\n",
                      Indented(absl::StrCat(info.summary, ".\n", info.description)));
      const std::string flags = FlagsText(info);
      absl::StrAppend(&text, flags.empty() ? "" : "\n", flags, "\n", Indented(info.examples), "\n");
    }
  }
  absl::StrAppend(&text, kExitStatus, "\n", kEnvironment);
  if (!in_full) absl::StrAppend(&text, "\n`sluicectl COMMAND --help` says more.\n");
  return text;
}

std::string CommandText(const CommandInfo& info) {
  std::string text = absl::StrCat("sluicectl ", info.name, ": ", info.summary, "\n\nUsage:\n  ",
                                  Usage(info), "\n\n");
  if (!info.description.empty()) absl::StrAppend(&text, info.description, "\n");
  absl::StrAppend(&text, "Flags:\n", FlagsText(info), CommonFlagsText(), "\nExamples:\n",
                  Indented(info.examples));
  return text;
}

absl::Status UnknownCommand(absl::string_view name) {
  std::vector<absl::string_view> names;
  for (const CommandInfo& info : Commands()) names.push_back(info.name);
  const absl::string_view near = Nearest(name, names);
  return UsageError(absl::StrCat(
      "unknown command \"", name, "\"; ",
      near.empty() ? "`sluicectl --help` lists them" : absl::StrCat("did you mean ", near, "?")));
}

std::unique_ptr<Command> MakeHelp() { return std::make_unique<Help>(); }

}  // namespace sluice::sluicectl
