// Command-line flags of our programs: `--name value` or `--name=value`; those that have a letter
// also `-n value` or `-nvalue`.
//
//   Flags flags("sluice-proxy", "Serves traffic.");
//   flags.String("state-dir", "DIR", "where the last configuration is kept", &options.state_dir);
//   flags.Duration("drain-timeout", "30s", &options.drain_timeout);
//   absl::StatusOr<std::vector<std::string>> rest = flags.Parse(argc, argv);
//
// A target keeps the value it had where the flag is not given, and --help shows that value.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sluice {

class Flags {
 public:
  Flags(absl::string_view program, absl::string_view summary);

  // `value` is the placeholder in --help. Targets outlive Parse().
  void String(absl::string_view name, absl::string_view value, absl::string_view help,
              std::string* target);
  // Given once each or separated by commas.
  void Strings(absl::string_view name, absl::string_view value, absl::string_view help,
               std::vector<std::string>* target);
  // Given once each; commas mean nothing.
  void Repeated(absl::string_view name, absl::string_view value, absl::string_view help,
                std::vector<std::string>* target);
  void Uint(absl::string_view name, absl::string_view value, absl::string_view help,
            uint64_t* target);
  // Tells a flag that was not given from any number.
  void Uint(absl::string_view name, absl::string_view value, absl::string_view help,
            std::optional<uint64_t>* target);
  void Bool(absl::string_view name, absl::string_view help, bool* target);
  // Bytes, as in configuration: 65536, 64KiB, 512MiB, 2GiB.
  void Size(absl::string_view name, absl::string_view help, uint64_t* target);
  // As in configuration: 250ms, 15s, 5m, 1h.
  void Duration(absl::string_view name, absl::string_view help, absl::Duration* target);

  // Gives the flag `name`, which was added before, a letter. A program without any takes "-x" for
  // an argument; "-" alone always is one.
  void Letter(char letter, absl::string_view name);

  // The first argument that is no flag ends them: a command, which has its own.
  void StopAtArgument() { stops_at_argument_ = true; }

  // The arguments that are not flags; all after `--` are. INVALID_ARGUMENT names the flag and, for
  // an unknown one, the nearest known.
  absl::StatusOr<std::vector<std::string>> Parse(int argc, const char* const* argv);

  // The text of --help.
  std::string Help() const;

  // The lines of Help() that describe flags.
  std::string FlagHelp() const;

  struct Flag {
    std::string name;
    std::string value;  // Placeholder; empty for a switch.
    std::string help;
    std::string default_text;
    std::function<absl::Status(const std::string&)> set;
    char letter = 0;  // 0: none.
  };

  // In the order in which they were added: for completion.
  const std::vector<Flag>& flags() const { return flags_; }

 private:
  // A flag as it stands on the command line.
  struct Given {
    const Flag* flag;
    std::string shown;  // "--file" or "-f".
    std::optional<std::string> value;
  };

  absl::StatusOr<Given> ReadLong(absl::string_view text) const;
  absl::StatusOr<Given> ReadLetter(absl::string_view text) const;
  const Flag* Find(absl::string_view name) const;
  absl::Status UnknownFlag(absl::string_view name) const;

  const std::string program_;
  const std::string summary_;
  std::vector<Flag> flags_;
  bool has_letters_ = false;
  bool stops_at_argument_ = false;
};

}  // namespace sluice
