// The table of commands.
#pragma once

#include <vector>

#include "tools/sluicectl/command.h"

namespace sluice::sluicectl {

// In the order in which --help lists them.
const std::vector<CommandInfo>& Commands();

// Null if there is none.
const CommandInfo* FindCommand(absl::string_view name);

// One each in the file of its name.
std::unique_ptr<Command> MakeAdmin();
std::unique_ptr<Command> MakeApply();
std::unique_ptr<Command> MakeCompletion();
std::unique_ptr<Command> MakeContext();
std::unique_ptr<Command> MakeDelete();
std::unique_ptr<Command> MakeDiff();
std::unique_ptr<Command> MakeEdit();
std::unique_ptr<Command> MakeExplain();
std::unique_ptr<Command> MakeForget();
std::unique_ptr<Command> MakeGet();
std::unique_ptr<Command> MakeHelp();
std::unique_ptr<Command> MakeHistory();
std::unique_ptr<Command> MakeRollback();
std::unique_ptr<Command> MakeStatus();
std::unique_ptr<Command> MakeValidate();
std::unique_ptr<Command> MakeVersion();
std::unique_ptr<Command> MakeWatch();

}  // namespace sluice::sluicectl
