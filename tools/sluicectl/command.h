// What a command is: how it is called, what it says of itself, and what it does.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/flags.h"
#include "tools/sluicectl/client.h"
#include "tools/sluicectl/failure.h"

namespace sluice::sluicectl {

class Command {
 public:
  virtual ~Command() = default;

  // Its own flags; those of every command are added by the caller.
  virtual void AddFlags(Flags& flags) {}

  // Called once, after the flags were parsed. `arguments` are as many as its CommandInfo allows.
  // Prints results on standard output, everything else on standard error.
  virtual absl::StatusOr<ExitStatus> Run(const std::vector<std::string>& arguments,
                                         Client& client) = 0;
};

// What an argument is, for completion.
enum class Argument { kWord, kKind, kMethod, kShell, kCommand };

// A row of the table of commands, of which the dispatch, --help, the manual page and the
// completions are made.
struct CommandInfo {
  absl::string_view name;
  absl::string_view arguments;    // "KIND NAME", "[KIND NAME]"; empty: none.
  absl::string_view summary;      // One line, for the list.
  absl::string_view description;  // Paragraphs; may be empty.
  absl::string_view examples;     // One a line.
  size_t least_arguments;
  size_t most_arguments;
  std::vector<Argument> completions;  // One for each argument.
  std::unique_ptr<Command> (*make)();
  bool needs_server = true;  // False: what is known of one need not be right.
};

}  // namespace sluice::sluicectl
