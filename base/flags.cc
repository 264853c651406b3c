#include "base/flags.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/nearest.h"
#include "base/status_macros.h"

namespace sluice {
namespace {

absl::Status ReadUint(const std::string& text, uint64_t* number) {
  if (absl::SimpleAtoi(text, number)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("must be a whole number, got \"", text, "\""));
}

struct SizeUnit {
  absl::string_view name;
  int shift;
};
constexpr SizeUnit kSizeUnits[] = {{"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"", 0}};

bool ParseSize(absl::string_view text, uint64_t* bytes) {
  for (const SizeUnit& unit : kSizeUnits) {
    absl::string_view digits = text;
    if (!absl::ConsumeSuffix(&digits, unit.name)) continue;
    uint64_t number;
    if (!absl::SimpleAtoi(digits, &number) || number > UINT64_MAX >> unit.shift) return false;
    *bytes = number << unit.shift;
    return true;
  }
  return false;
}

std::string SizeText(uint64_t bytes) {
  for (const SizeUnit& unit : kSizeUnits) {
    const uint64_t number = bytes >> unit.shift;
    if (number > 0 && number << unit.shift == bytes) return absl::StrCat(number, unit.name);
  }
  return "0";
}

}  // namespace

Flags::Flags(absl::string_view program, absl::string_view summary)
    : program_(program), summary_(summary) {}

void Flags::String(absl::string_view name, absl::string_view value, absl::string_view help,
                   std::string* target) {
  flags_.push_back({std::string(name), std::string(value), std::string(help), *target,
                    [target](const std::string& text) {
                      *target = text;
                      return absl::OkStatus();
                    }});
}

void Flags::Strings(absl::string_view name, absl::string_view value, absl::string_view help,
                    std::vector<std::string>* target) {
  flags_.push_back({std::string(name), std::string(value), std::string(help),
                    absl::StrJoin(*target, ","),
                    [target, given = false](const std::string& text) mutable {
                      if (!std::exchange(given, true)) target->clear();
                      for (absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
                        target->emplace_back(part);
                      }
                      return absl::OkStatus();
                    }});
}

void Flags::Repeated(absl::string_view name, absl::string_view value, absl::string_view help,
                     std::vector<std::string>* target) {
  flags_.push_back({std::string(name), std::string(value), std::string(help), "",
                    [target](const std::string& text) {
                      target->push_back(text);
                      return absl::OkStatus();
                    }});
}

void Flags::Uint(absl::string_view name, absl::string_view value, absl::string_view help,
                 uint64_t* target) {
  flags_.push_back({std::string(name), std::string(value), std::string(help), absl::StrCat(*target),
                    [target](const std::string& text) { return ReadUint(text, target); }});
}

void Flags::Uint(absl::string_view name, absl::string_view value, absl::string_view help,
                 std::optional<uint64_t>* target) {
  flags_.push_back({std::string(name), std::string(value), std::string(help), "",
                    [target](const std::string& text) {
                      uint64_t number = 0;
                      absl::Status status = ReadUint(text, &number);
                      if (status.ok()) *target = number;
                      return status;
                    }});
}

void Flags::Bool(absl::string_view name, absl::string_view help, bool* target) {
  flags_.push_back(
      {std::string(name), "", std::string(help), "", [target](const std::string& text) {
         if (text != "true" && text != "false") {
           return absl::InvalidArgumentError(
               absl::StrCat("must be true or false, got \"", text, "\""));
         }
         *target = text == "true";
         return absl::OkStatus();
       }});
}

void Flags::Duration(absl::string_view name, absl::string_view help, absl::Duration* target) {
  flags_.push_back({std::string(name), "DURATION", std::string(help), absl::FormatDuration(*target),
                    [target](const std::string& text) {
                      absl::Duration parsed;
                      if (!absl::ParseDuration(text, &parsed) || parsed < absl::ZeroDuration()) {
                        return absl::InvalidArgumentError(absl::StrCat(
                            "must be a duration such as 250ms, 15s or 5m, got \"", text, "\""));
                      }
                      *target = parsed;
                      return absl::OkStatus();
                    }});
}

void Flags::Size(absl::string_view name, absl::string_view help, uint64_t* target) {
  flags_.push_back({std::string(name), "SIZE", std::string(help), SizeText(*target),
                    [target](const std::string& text) {
                      if (ParseSize(text, target)) return absl::OkStatus();
                      return absl::InvalidArgumentError(absl::StrCat(
                          "must be a size such as 65536, 64KiB or 2GiB, got \"", text, "\""));
                    }});
}

void Flags::Letter(char letter, absl::string_view name) {
  for (Flag& flag : flags_) {
    if (flag.name == name) flag.letter = letter;
  }
  has_letters_ = true;
}

absl::StatusOr<std::vector<std::string>> Flags::Parse(int argc, const char* const* argv) {
  std::vector<std::string> rest;
  for (int i = 1; i < argc; ++i) {
    const absl::string_view arg = argv[i];
    if (arg == "--") {
      rest.insert(rest.end(), argv + i + 1, argv + argc);
      break;
    }
    const bool is_long = absl::StartsWith(arg, "--");
    const bool is_letter = !is_long && has_letters_ && arg.size() > 1 && arg[0] == '-';
    if (!is_long && !is_letter) {
      if (stops_at_argument_) {
        rest.insert(rest.end(), argv + i, argv + argc);
        break;
      }
      rest.emplace_back(arg);
      continue;
    }
    ASSIGN_OR_RETURN(Given given, is_long ? ReadLong(arg.substr(2)) : ReadLetter(arg.substr(1)));
    if (!given.value.has_value() && given.flag->value.empty()) {
      given.value = "true";
    } else if (!given.value.has_value()) {
      if (++i == argc) {
        return absl::InvalidArgumentError(absl::StrCat(given.shown, ": needs a value"));
      }
      given.value = argv[i];
    }
    if (absl::Status status = given.flag->set(*given.value); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(given.shown, ": ", status.message()));
    }
  }
  return rest;
}

absl::StatusOr<Flags::Given> Flags::ReadLong(absl::string_view text) const {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('=', 1));
  Given given{Find(parts.first), absl::StrCat("--", parts.first), std::nullopt};
  if (given.flag == nullptr) return UnknownFlag(parts.first);
  if (text.size() > parts.first.size()) given.value = std::string(parts.second);
  return given;
}

absl::StatusOr<Flags::Given> Flags::ReadLetter(absl::string_view text) const {
  const auto it = std::find_if(flags_.begin(), flags_.end(),
                               [&text](const Flag& flag) { return flag.letter == text[0]; });
  if (it == flags_.end()) {
    return absl::InvalidArgumentError(absl::StrCat("unknown flag -", text));
  }
  Given given{&*it, absl::StrCat("-", text.substr(0, 1)), std::nullopt};
  if (text.size() > 1) given.value = std::string(text.substr(1));
  return given;
}

std::string Flags::Help() const {
  return absl::StrCat(program_, ": ", summary_, "\n\n", FlagHelp());
}

std::string Flags::FlagHelp() const {
  std::string text;
  for (const Flag& flag : flags_) {
    std::string left = "  ";
    if (flag.letter != 0) absl::StrAppend(&left, "-", std::string(1, flag.letter), ", ");
    absl::StrAppend(&left, "--", flag.name, flag.value.empty() ? "" : " ", flag.value);
    if (left.size() < 34) left.resize(34, ' ');
    absl::StrAppend(&text, left, " ", flag.help);
    if (!flag.default_text.empty()) absl::StrAppend(&text, " (", flag.default_text, ")");
    text += "\n";
  }
  return text;
}

const Flags::Flag* Flags::Find(absl::string_view name) const {
  const auto it =
      std::find_if(flags_.begin(), flags_.end(), [name](const Flag& f) { return f.name == name; });
  return it == flags_.end() ? nullptr : &*it;
}

absl::Status Flags::UnknownFlag(absl::string_view name) const {
  std::vector<absl::string_view> names;
  for (const Flag& flag : flags_) names.push_back(flag.name);
  const absl::string_view near = Nearest(name, names);
  return absl::InvalidArgumentError(
      absl::StrCat("unknown flag --", name,
                   near.empty() ? std::string() : absl::StrCat("; did you mean --", near, "?")));
}

}  // namespace sluice
