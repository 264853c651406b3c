#include "api/resource/files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api/resource/json.h"
#include "api/resource/text.h"
#include "api/resource/yaml.h"

namespace sluice::resource {
namespace {

namespace fs = std::filesystem;

void Refuse(const std::string& file, absl::string_view what, ReadResult& result) {
  Problem problem;
  problem.file = file;
  problem.problem = absl::StrCat("cannot be read: ", what);
  result.problems.push_back(std::move(problem));
}

void Append(ReadResult&& part, ReadResult& all) {
  std::move(part.resources.begin(), part.resources.end(), std::back_inserter(all.resources));
  std::move(part.problems.begin(), part.problems.end(), std::back_inserter(all.problems));
}

bool HasResourceName(const fs::path& path) {
  const std::string extension = path.extension();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

bool IsHidden(const fs::path& path) { return absl::StartsWith(path.filename().string(), "."); }

// The files below `directory`, by path.
std::vector<std::string> FilesBelow(const std::string& directory, ReadResult& result) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;  // Of a link that leads nowhere: then it is no regular file.
    if (IsHidden(it->path())) {
      if (it->is_directory(ignored)) it.disable_recursion_pending();
    } else if (it->is_regular_file(ignored) && HasResourceName(it->path())) {
      files.push_back(it->path().string());
    }
  }
  if (error) Refuse(directory, error.message(), result);
  std::sort(files.begin(), files.end());
  return files;
}

// At most a byte more than may be read, so that the reader says it is too long.
ReadResult ReadStream(std::istream& stream, const std::string& name, const ReadOptions& options) {
  std::string text;
  char part[65536];
  while (text.size() <= options.max_bytes && (stream.read(part, sizeof(part)) || stream.gcount())) {
    text.append(part, static_cast<size_t>(stream.gcount()));
  }
  ReadResult result;
  if (stream.bad()) {
    Refuse(name, std::strerror(errno), result);
    return result;
  }
  ReadOptions named = options;
  named.file = name;
  return ReadText(text, named);
}

ReadResult ReadFile(const std::string& file, const ReadOptions& options) {
  ReadResult result;
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    Refuse(file, std::strerror(errno), result);
    return result;
  }
  return ReadStream(stream, file, options);
}

}  // namespace

ReadResult ReadText(absl::string_view text, const ReadOptions& options) {
  const absl::string_view name = options.file;
  if (absl::EndsWith(name, ".json")) return ReadJson(text, options);
  if (absl::EndsWith(name, ".yaml") || absl::EndsWith(name, ".yml")) return ReadYaml(text, options);
  absl::string_view content = absl::StripPrefix(text, kByteOrderMark);
  content.remove_prefix(std::min(content.find_first_not_of(" \t\r\n"), content.size()));
  const bool is_json = !content.empty() && (content[0] == '{' || content[0] == '[');
  return is_json ? ReadJson(text, options) : ReadYaml(text, options);
}

ReadResult ReadPath(const std::string& path, const ReadOptions& options) {
  if (path == "-") return ReadStream(std::cin, "-", options);
  std::error_code error;
  if (!fs::is_directory(path, error)) return ReadFile(path, options);
  ReadResult result;
  for (const std::string& file : FilesBelow(path, result)) {
    Append(ReadFile(file, options), result);
  }
  Sort(result.problems);
  return result;
}

ReadResult ReadPaths(const std::vector<std::string>& paths, const ReadOptions& options) {
  ReadResult result;
  for (const std::string& path : paths) Append(ReadPath(path, options), result);
  Sort(result.problems);
  return result;
}

}  // namespace sluice::resource
