// YAML text to trees.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "api/resource/tree.h"

namespace sluice::resource {

// Parses every document of `text`, which is FirstLineOfBadText() == 0. `first_line` is the number
// of its first line.
//
// A document that cannot be parsed is one problem and ends there; the documents after it are read
// all the same. Text that only lacks quotes (hosts: [*.example.com], paths: [/users/{id}]) is read
// as what was meant and marked as Flaw::kUnquoted. Anchors, aliases and tags are marked as flaws: a
// configuration says what it means in place, and an alias could make megabytes of a line.
void ParseYaml(absl::string_view text, uint32_t first_line, const TreeSink& sink);

}  // namespace sluice::resource
