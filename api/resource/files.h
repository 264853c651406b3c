// Resources of files and directories.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/resource/source.h"

namespace sluice::resource {

// Reads a file, or every *.yaml, *.yml and *.json below a directory, in the order of their paths;
// hidden files and directories are left out, links to files are followed. "-" is standard input.
// What cannot be read is a problem. `options.file` is not looked at.
//
// A text is taken as JSON if its name ends in ".json", or if it starts with "{" or "[" and its name
// does not end in ".yaml" or ".yml".
ReadResult ReadPath(const std::string& path, const ReadOptions& options = {});

// All of them together.
ReadResult ReadPaths(const std::vector<std::string>& paths, const ReadOptions& options = {});

// A text of which the name says what it is, as above.
ReadResult ReadText(absl::string_view text, const ReadOptions& options);

}  // namespace sluice::resource
