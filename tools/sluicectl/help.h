// Texts about the commands, made from their table.
#pragma once

#include <string>

#include "tools/sluicectl/command.h"
#include "tools/sluicectl/connection.h"

namespace sluice::sluicectl {

// The flags that every command takes, beside its own.
struct CommonFlags {
  Connection connection;
  std::string context;
  bool help = false;

  void AddTo(Flags& flags);
};

// What `sluicectl --help` prints. In full, with the help of each command, it is what the manual
// page is made of.
std::string OverviewText(bool in_full);

// What `sluicectl COMMAND --help` prints.
std::string CommandText(const CommandInfo& info);

// An error that says which command was probably meant.
absl::Status UnknownCommand(absl::string_view name);

}  // namespace sluice::sluicectl
