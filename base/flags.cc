#include "base/flags.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/nearest.h"
#include "base/status_macros.h"

namespace sluice {

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

void Flags::Uint(absl::string_view name, absl::string_view value, absl::string_view help,
                 uint64_t* target) {
  flags_.push_back({std::string(name), std::string(value), std::string(help),
                    absl::StrCat(*target), [target](const std::string& text) {
                      if (!absl::SimpleAtoi(text, target)) {
                        return absl::InvalidArgumentError(
                            absl::StrCat("must be a whole number, got \"", text, "\""));
                      }
                      return absl::OkStatus();
                    }});
}

void Flags::Bool(absl::string_view name, absl::string_view help, bool* target) {
  flags_.push_back({std::string(name), "", std::string(help), "", [target](const std::string& text) {
                      if (text != "true" && text != "false") {
                        return absl::InvalidArgumentError(
                            absl::StrCat("must be true or false, got \"", text, "\""));
                      }
                      *target = text == "true";
                      return absl::OkStatus();
                    }});
}

void Flags::Duration(absl::string_view name, absl::string_view help, absl::Duration* target) {
  flags_.push_back({std::string(name), "DURATION", std::string(help),
                    absl::FormatDuration(*target), [target](const std::string& text) {
                      absl::Duration parsed;
                      if (!absl::ParseDuration(text, &parsed) || parsed < absl::ZeroDuration()) {
                        return absl::InvalidArgumentError(absl::StrCat(
                            "must be a duration such as 250ms, 15s or 5m, got \"", text, "\""));
                      }
                      *target = parsed;
                      return absl::OkStatus();
                    }});
}

absl::StatusOr<std::vector<std::string>> Flags::Parse(int argc, const char* const* argv) {
  std::vector<std::string> rest;
  for (int i = 1; i < argc; ++i) {
    absl::string_view arg = argv[i];
    if (arg == "--") {
      rest.insert(rest.end(), argv + i + 1, argv + argc);
      break;
    }
    if (!absl::ConsumePrefix(&arg, "--")) {
      rest.emplace_back(arg);
      continue;
    }
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(arg, absl::MaxSplits('=', 1));
    const bool has_value = arg.find('=') != absl::string_view::npos;
    const Flag* flag = Find(parts.first);
    if (flag == nullptr) return UnknownFlag(parts.first);
    std::string value(parts.second);
    if (!has_value && flag->value.empty()) {
      value = "true";
    } else if (!has_value) {
      if (++i == argc) {
        return absl::InvalidArgumentError(absl::StrCat("--", flag->name, ": needs a value"));
      }
      value = argv[i];
    }
    if (absl::Status status = flag->set(value); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--", flag->name, ": ", status.message()));
    }
  }
  return rest;
}

std::string Flags::Help() const {
  std::string text = absl::StrCat(program_, ": ", summary_, "\n\n");
  for (const Flag& flag : flags_) {
    std::string left = absl::StrCat("  --", flag.name, flag.value.empty() ? "" : " ", flag.value);
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
