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
       {Argument::kKind},
       &MakeGet},
      {"delete",
       "KIND NAME...",
       "deletes resources",
       "Refused while something refers to them.\n",
       "sluicectl delete route orders -m \"moved\"\n",
       2,
       kAny,
       {Argument::kKind},
       &MakeDelete},
      {"edit",
       "KIND NAME",
       "opens a resource in an editor and applies what comes out",
       "In $VISUAL, $EDITOR or vi. Refused if the resource has changed meanwhile; what is refused\n"
       "for other reasons is opened again with the problems as comments.\n",
       "sluicectl edit route orders\n"
       "EDITOR=nano sluicectl edit upstream orders --wait\n",
       2,
       2,
       {Argument::kKind},
       &MakeEdit},
      {"diff",
       "[G1 [G2]]",
       "shows what applying would change, or what changed between two generations",
       "Of one generation: what changed since.\n",
       "sluicectl diff -f config/ --exit-code\n"
       "sluicectl diff -f config/ --prune -l repo=orders\n"
       "sluicectl diff 41 42\n",
       0,
       2,
       {},
       &MakeDiff},
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
      {"rollback",
       "GENERATION [KIND NAME]",
       "commits the content of an earlier generation anew",
       "Of everything, of what has or had the labels of -l, or of one resource.\n",
       "sluicectl rollback 41 --dry-run\n"
       "sluicectl rollback 41 -m \"release 7 was bad\" --wait\n"
       "sluicectl rollback 41 -l team=orders\n"
       "sluicectl rollback 41 route orders\n",
       1,
       3,
       {Argument::kWord, Argument::kKind},
       &MakeRollback},
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
      {"forget",
       "NODE",
       "drops a proxy that is gone from the status",
       "It comes back if it connects again.\n",
       "sluicectl forget edge-7\n",
       1,
       1,
       {},
       &MakeForget},
      {"explain",
       "METHOD URL",
       "says which route serves a request, and why not another",
       "Which route, service, upstream and plugins, with where each plugin comes from; and of\n"
       "routes that nearly match, the first condition that fails. Asks the newest generation, one\n"
       "of --generation, what a --node serves, or the files of -f without a server. URL may be a\n"
       "path alone; with CONNECT also tcp://HOST:PORT or tls://HOST:PORT, a connection that is "
       "not\n"
       "HTTP.\n",
       "sluicectl explain GET http://api.example.com/orders/7\n"
       "sluicectl explain GET http://127.0.0.1:8080/orders -H 'Host: api.example.com'\n"
       "sluicectl explain POST /orders -H 'X-Team: a' --node edge-7 --consumer alice\n"
       "sluicectl explain GET http://api.example.com/ -f config/ --expect home\n"
       "sluicectl explain CONNECT tls://db.example.com:5432\n",
       2,
       2,
       {Argument::kMethod},
       &MakeExplain},
      {"admin",
       "NODE PATH",
       "prints a page of a proxy's read-only admin interface",
       "Over the stream of the proxy, so that its admin port need not be reachable.\n",
       "sluicectl admin edge-7 /clusters\n"
       "sluicectl admin edge-7 /stats/prometheus\n",
       2,
       2,
       {},
       &MakeAdmin},
      {"watch",
       "",
       "prints generations and what happens to proxies, as it happens",
       "Until Ctrl-C.\n",
       "sluicectl watch\n"
       "sluicectl watch --after 41\n",
       0,
       0,
       {},
       &MakeWatch},
      {"version",
       "",
       "prints the builds of this program and of the control plane",
       "",
       "sluicectl version\n",
       0,
       0,
       {},
       &MakeVersion},
      {"context",
       "[use NAME]",
       "lists the control planes of ~/.config/sluice/contexts.yaml, or chooses one",
       "The file, which is below $XDG_CONFIG_HOME where that is set, has `current` and a list of\n"
       "`contexts`, each with name, server, ca, cert, key and server_name. Paths are relative to\n"
       "it. --context NAME uses another one once.\n",
       "sluicectl context\n"
       "sluicectl context use prod\n"
       "sluicectl --context staging status\n",
       0,
       2,
       {},
       &MakeContext,
       /*needs_server=*/false},
      {"completion",
       "bash|zsh|fish",
       "prints a script that completes commands in a shell",
       "",
       "source <(sluicectl completion bash)\n"
       "sluicectl completion zsh > \"${fpath[1]}/_sluicectl\"\n"
       "sluicectl completion fish > ~/.config/fish/completions/sluicectl.fish\n",
       1,
       1,
       {Argument::kShell},
       &MakeCompletion,
       /*needs_server=*/false},
      {"help",
       "[COMMAND]",
       "prints what a command does; --all: what every command does",
       "",
       "sluicectl help apply\n"
       "sluicectl help --all\n",
       0,
       1,
       {Argument::kCommand},
       &MakeHelp,
       /*needs_server=*/false},
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
