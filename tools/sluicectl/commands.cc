#include "tools/sluicectl/commands.h"

namespace sluice::sluicectl {
namespace {

constexpr size_t kAny = 1000;

}  // namespace

const std::vector<CommandInfo>& Commands() {
  static const std::vector<CommandInfo>& commands = *new std::vector<CommandInfo>{
      {"apply",
       "",
       "checks resources and commits them, all or none",
       "Prints what changed and the generation that it made, or that nothing did. Each resource\n"
       "replaces the one of its kind and name; what is not in the files stays, unless --prune\n"
       "says otherwise. {from_env: X} and {from_file: P} in credentials are read here.\n",
       "sluicectl apply -f routes.yaml --wait\n"
       "sluicectl apply -f config/ --dry-run\n"
       "sluicectl apply -f config/ --prune -l repo=orders -m \"release 7\"\n"
       "generate-routes | sluicectl apply -f -\n",
       0,
       0,
       {},
       &MakeApply},
      {"get",
       "KIND|all|endpoints [NAME]",
       "shows resources",
       "KIND in any case, singular or plural. What -o yaml and -o json print can be applied\n"
       "again. `get endpoints [UPSTREAM]` shows the servers of upstreams, configured and\n"
       "registered ones.\n",
       "sluicectl get routes\n"
       "sluicectl get route orders -o yaml\n"
       "sluicectl get all -l team=orders -o yaml > orders.yaml\n"
       "sluicectl get endpoints orders\n",
       1,
       2,
       {Argument::kKind, Argument::kName},
       &MakeGet},
      {"delete",
       "KIND NAME...",
       "deletes resources",
       "Refused while something refers to them.\n",
       "sluicectl delete route orders -m \"moved\"\n",
       2,
       kAny,
       {Argument::kKind, Argument::kName},
       &MakeDelete},
      {"history",
       "",
       "lists commits, newest first",
       "",
       "sluicectl history\n"
       "sluicectl history --all --limit 20\n",
       0,
       0,
       {},
       &MakeHistory},
      {"validate",
       "",
       "checks files without a server",
       "The files are the whole configuration: what they refer to stands in them, or in the\n"
       "files of --with.\n",
       "sluicectl validate -f config/\n"
       "sluicectl validate -f orders/ --with shared/\n",
       0,
       0,
       {},
       &MakeValidate},
      {"status",
       "",
       "shows the proxies and what each serves",
       "As they reported it: node, groups, build, active generation, phase, how long behind, and\n"
       "what is wrong.\n",
       "sluicectl status\n"
       "sluicectl status --groups edge --problems\n",
       0,
       0,
       {},
       &MakeStatus},
      {"version",
       "",
       "prints the builds of this program and of the control plane",
       "",
       "sluicectl version\n",
       0,
       0,
       {},
       &MakeVersion},
      {"help",
       "[COMMAND]",
       "prints what a command does; --all: what every command does",
       "",
       "sluicectl help apply\n"
       "sluicectl help --all\n",
       0,
       1,
       {Argument::kCommand},
       &MakeHelp},
  };
  return commands;
}

const CommandInfo* FindCommand(absl::string_view name) {
  for (const CommandInfo& command : Commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

}  // namespace sluice::sluicectl
