#include "tools/sluicectl/input.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api/resource/files.h"
#include "api/resource/secret_source.h"
#include "api/validate/configuration.h"
#include "base/nearest.h"
#include "tools/sluicectl/client.h"
#include "tools/sluicectl/failure.h"

namespace sluice::sluicectl {

resource::ReadOptions ReadingHere() {
  resource::ReadOptions options;
  options.resolve_secret = &resource::ReadSecret;
  return options;
}

absl::StatusOr<resource::ReadResult> ReadFiles(const std::vector<std::string>& paths) {
  if (paths.empty()) return UsageError("-f: needed: a file, a folder, or - for standard input");
  return resource::ReadPaths(paths, ReadingHere());
}

std::vector<resource::Problem> AllProblems(const resource::ReadResult& read, Client& client) {
  resource::ReadResult context;
  const absl::Status status = client.List({}, [&context](const v1::ListResponse& part) {
    for (const v1::Resource& resource : part.resources()) {
      context.resources.push_back({resource, {}});
    }
    return true;
  });
  // Without the server nobody knows what the files may refer to.
  if (!status.ok()) return read.problems;
  return validate::ValidateConfiguration(read, &context);
}

absl::StatusOr<resource::Kind> ReadKind(absl::string_view text) {
  const std::optional<resource::Kind> kind = resource::ParseKind(text);
  if (kind.has_value()) return *kind;
  std::vector<absl::string_view> names = {"all"};
  for (const resource::Kind each : resource::kKinds) {
    names.push_back(resource::KindField(each));
    names.push_back(resource::KindPlural(each));
  }
  const std::string lower = absl::AsciiStrToLower(text);
  const absl::string_view near = Nearest(lower, names);
  if (!near.empty()) {
    return UsageError(absl::StrCat("unknown kind \"", text, "\"; did you mean ", near, "?"));
  }
  std::string known;
  for (const resource::Kind each : resource::kKinds) {
    absl::StrAppend(&known, known.empty() ? "" : ", ", resource::KindName(each));
  }
  return UsageError(absl::StrCat("unknown kind \"", text, "\"; there are ", known));
}

absl::StatusOr<uint64_t> ReadGeneration(absl::string_view text) {
  uint64_t number = 0;
  if (absl::SimpleAtoi(text, &number) && number > 0) return number;
  return UsageError(
      absl::StrCat("\"", text, "\" is no generation: want a number from ", "`sluicectl history`"));
}

std::string Author() {
  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  const passwd* const user = getpwuid(geteuid());
  return absl::StrCat(user != nullptr ? user->pw_name : std::to_string(geteuid()), "@", host);
}

}  // namespace sluice::sluicectl
