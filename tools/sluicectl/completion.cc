// Scripts for the shells, made from the table of commands: they know commands, flags, kinds,
// formats and files, and need no server.
#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "api/resource/key.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/help.h"
#include "tools/sluicectl/print.h"

namespace sluice::sluicectl {
namespace {

using Words = std::vector<std::string>;

// The flags of a command with those that all have. The command goes with their targets, which
// nobody sets here.
std::vector<Flags::Flag> FlagsOf(const CommandInfo& info) {
  const std::unique_ptr<Command> command = info.make();
  CommonFlags common;
  Flags flags("", "");
  command->AddFlags(flags);
  common.AddTo(flags);
  return flags.flags();
}

Words NamesOf(const Flags::Flag& flag) {
  Words names = {"--" + flag.name};
  if (flag.letter != 0) names.push_back(absl::StrCat("-", std::string(1, flag.letter)));
  return names;
}

bool TakesFiles(const Flags::Flag& flag) { return absl::StrContains(flag.value, "FILE"); }
bool TakesFormat(const Flags::Flag& flag) { return flag.value == "FORMAT"; }

constexpr absl::string_view kFormats = "table json yaml";

// What may stand in the place of an argument; none where only the operator knows.
Words ChoicesOf(Argument argument) {
  Words words;
  switch (argument) {
    case Argument::kKind:
      words = {"all", "endpoints"};
      for (const resource::Kind kind : resource::kKinds) {
        words.push_back(std::string(resource::KindPlural(kind)));
      }
      break;
    case Argument::kMethod:
      words = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};
      break;
    case Argument::kShell:
      words = {"bash", "zsh", "fish"};
      break;
    case Argument::kCommand:
      for (const CommandInfo& info : Commands()) words.push_back(std::string(info.name));
      break;
    case Argument::kWord:
      break;
  }
  return words;
}

// For single quotes.
std::string Escaped(absl::string_view text) { return absl::StrReplaceAll(text, {{"'", "'\\''"}}); }

// --- bash

std::string BashFlagValues() {
  std::set<std::string> files;
  std::set<std::string> formats;
  std::set<std::string> others;
  for (const CommandInfo& info : Commands()) {
    for (const Flags::Flag& flag : FlagsOf(info)) {
      if (flag.value.empty()) continue;
      std::set<std::string>& set = TakesFiles(flag) ? files : TakesFormat(flag) ? formats : others;
      for (const std::string& name : NamesOf(flag)) set.insert(name);
    }
  }
  return absl::StrCat("_sluicectl_value() {\n  case $1 in\n    ", absl::StrJoin(files, "|"),
                      ") echo files ;;\n    ", absl::StrJoin(formats, "|"), ") echo ", kFormats,
                      " ;;\n    ", absl::StrJoin(others, "|"),
                      ") echo none ;;\n    *) return 1 ;;\n  esac\n}\n");
}

std::string BashWords() {
  Words commands;
  std::string flags;
  std::string arguments;
  for (const CommandInfo& info : Commands()) {
    commands.push_back(std::string(info.name));
    Words names;
    for (const Flags::Flag& flag : FlagsOf(info)) {
      for (std::string& name : NamesOf(flag)) names.push_back(std::move(name));
    }
    absl::StrAppend(&flags, "    ", info.name, ":-*) echo '", absl::StrJoin(names, " "), "' ;;\n");
    for (size_t i = 0; i < info.completions.size(); ++i) {
      const Words choices = ChoicesOf(info.completions[i]);
      if (choices.empty()) continue;
      absl::StrAppend(&arguments, "    ", info.name, ":", i, ":*) echo '",
                      absl::StrJoin(choices, " "), "' ;;\n");
    }
  }
  return absl::StrCat(
      "_sluicectl_words() {\n  case $1 in\n", flags, arguments, "    :*) echo '",
      absl::StrJoin(commands, " "),
      " --server --context --ca --cert --key --server-name --help --version' ;;\n  esac\n}\n");
}

std::string Bash() {
  return absl::StrCat("# bash completion of sluicectl; made by `sluicectl completion bash`.\n",
                      BashFlagValues(), BashWords(), R"(_sluicectl() {
  local cur=${COMP_WORDS[COMP_CWORD]} command= values i place=0
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ ${COMP_WORDS[i]} == -* ]]; then
      _sluicectl_value "${COMP_WORDS[i]}" > /dev/null && ((i++))
    elif [[ -z $command ]]; then
      command=${COMP_WORDS[i]}
    else
      ((place++))
    fi
  done
  COMPREPLY=()
  if ((i > COMP_CWORD)) && values=$(_sluicectl_value "${COMP_WORDS[COMP_CWORD - 1]}"); then
    case $values in
      files)
        compopt -o filenames 2> /dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        ;;
      none) ;;
      *) mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur") ;;
    esac
    return
  fi
  if [[ -n $command && $cur != -* ]]; then
    values=$(_sluicectl_words "$command:$place:")
  else
    values=$(_sluicectl_words "$command:$cur")
  fi
  mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur")
}
complete -F _sluicectl sluicectl
)");
}

// --- zsh

std::string ZshText(absl::string_view text) {
  return absl::StrReplaceAll(Escaped(text), {{":", "\\:"}, {"[", "\\["}, {"]", "\\]"}});
}

std::string ZshFlag(const Flags::Flag& flag) {
  std::string text = absl::StrCat("[", ZshText(flag.help), "]");
  if (!flag.value.empty()) {
    absl::StrAppend(&text, ":", ZshText(flag.value), ":",
                    TakesFiles(flag)    ? "_files"
                    : TakesFormat(flag) ? absl::StrCat("(", kFormats, ")")
                                        : "");
  }
  std::string specs;
  for (const std::string& name : NamesOf(flag)) {
    absl::StrAppend(&specs, " \\\n          '*", name, text, "'");
  }
  return specs;
}

std::string Zsh() {
  std::string commands;
  std::string cases;
  for (const CommandInfo& info : Commands()) {
    absl::StrAppend(&commands, "    '", info.name, ":", ZshText(info.summary), "'\n");
    absl::StrAppend(&cases, "        ", info.name, ")\n          _arguments");
    for (const Flags::Flag& flag : FlagsOf(info)) cases += ZshFlag(flag);
    for (size_t i = 0; i < info.completions.size(); ++i) {
      absl::StrAppend(&cases, " \\\n          '", i + 1, ":argument:(",
                      absl::StrJoin(ChoicesOf(info.completions[i]), " "), ")'");
    }
    cases += " ;;\n";
  }
  return absl::StrCat(R"(#compdef sluicectl
# Made by `sluicectl completion zsh`.
_sluicectl() {
  local context state state_descr line
  typeset -A opt_args
  local -a commands=(
)",
                      commands, R"(  )
  _arguments -C \
    '--server[the control plane]:HOST\:PORT:' \
    '--context[what contexts.yaml says of it]:NAME:' \
    '--ca[speaks TLS, to a server of these authorities]:FILE:_files' \
    '--cert[the certificate to show it]:FILE:_files' \
    '--key[the private key of --cert]:FILE:_files' \
    '--server-name[the name that its certificate has]:NAME:' \
    '--help[print help and exit]' \
    '--version[print the version and exit]' \
    '1:command:->command' \
    '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $words[1] in
)",
                      cases, R"(      esac ;;
  esac
}
if [ "$funcstack[1]" = _sluicectl ]; then
  _sluicectl "$@"
else
  compdef _sluicectl sluicectl
fi
)");
}

// --- fish

std::string FishFlag(absl::string_view command, const Flags::Flag& flag) {
  std::string line = absl::StrCat("complete -c sluicectl -n '__fish_seen_subcommand_from ", command,
                                  "' -l ", flag.name);
  if (flag.letter != 0) absl::StrAppend(&line, " -s ", std::string(1, flag.letter));
  if (TakesFiles(flag)) {
    line += " -r -F";
  } else if (TakesFormat(flag)) {
    absl::StrAppend(&line, " -x -a '", kFormats, "'");
  } else if (!flag.value.empty()) {
    line += " -x";
  }
  return absl::StrCat(line, " -d '", Escaped(flag.help), "'\n");
}

std::string Fish() {
  std::string text =
      "# fish completion of sluicectl; made by `sluicectl completion fish`.\n"
      "complete -c sluicectl -f\n"
      "complete -c sluicectl -n __fish_use_subcommand -l server -x -d 'the control plane'\n"
      "complete -c sluicectl -n __fish_use_subcommand -l context -x -d 'of contexts.yaml'\n"
      "complete -c sluicectl -n __fish_use_subcommand -l ca -r -F -d 'authorities of the server'\n"
      "complete -c sluicectl -n __fish_use_subcommand -l cert -r -F -d 'certificate to show it'\n"
      "complete -c sluicectl -n __fish_use_subcommand -l key -r -F -d 'its private key'\n"
      "complete -c sluicectl -n __fish_use_subcommand -l server-name -x -d 'in its certificate'\n"
      "complete -c sluicectl -n __fish_use_subcommand -l help -d 'print help and exit'\n"
      "complete -c sluicectl -n __fish_use_subcommand -l version -d 'print the version and exit'\n";
  for (const CommandInfo& info : Commands()) {
    absl::StrAppend(&text, "complete -c sluicectl -n __fish_use_subcommand -a ", info.name, " -d '",
                    Escaped(info.summary), "'\n");
    for (const Flags::Flag& flag : FlagsOf(info)) text += FishFlag(info.name, flag);
    for (const Argument argument : info.completions) {
      const Words choices = ChoicesOf(argument);
      if (choices.empty()) continue;
      absl::StrAppend(&text, "complete -c sluicectl -n '__fish_seen_subcommand_from ", info.name,
                      "' -a '", absl::StrJoin(choices, " "), "'\n");
    }
  }
  return text;
}

class Completion final : public Command {
 public:
  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>& arguments, Client&) override {
    const std::string& shell = arguments[0];
    if (shell != "bash" && shell != "zsh" && shell != "fish") {
      return UsageError(absl::StrCat("unknown shell \"", shell, "\"; want bash, zsh or fish"));
    }
    Print(shell == "bash" ? Bash() : shell == "zsh" ? Zsh() : Fish());
    return ExitStatus::kDone;
  }
};

}  // namespace

std::unique_ptr<Command> MakeCompletion() { return std::make_unique<Completion>(); }

}  // namespace sluice::sluicectl
