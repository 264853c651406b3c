// Resources as they were read, with where they stand.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/resource/problem.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {

// Where a resource stands, for problems that are found later.
struct Location {
  struct FieldLine {
    std::string field;  // As Problem::field.
    uint32_t line;
  };

  std::string file;
  uint32_t line = 0;  // Of its first field.
  std::vector<FieldLine> field_lines;

  // The line of `field`, or of what it is in ("plugins.key_auth" for "plugins.key_auth.realm");
  // else that of the resource.
  uint32_t LineOf(absl::string_view field) const;
};

struct SourcedResource {
  v1::Resource resource;
  Location location;
};

// What a text holds. A resource with problems is there too, as far as it could be read: so that
// what else is wrong with it, and with what refers to it, is found as well. Nobody may store a
// resource of a text with problems.
struct ReadResult {
  std::vector<SourcedResource> resources;
  std::vector<Problem> problems;  // Sorted; all of them errors.
};

// A credential that stands elsewhere: {from_env: NAME} or {from_file: PATH}.
struct SecretSource {
  enum class Place { kEnvironment, kFile };
  Place place;
  std::string name;  // Of the variable, or a path.
};

struct ReadOptions {
  std::string file;  // For problems: the name as the operator knows it.

  // Longer texts are refused.
  size_t max_bytes = size_t{256} << 20;

  // Problems beyond this are not collected.
  size_t max_problems = 1000;

  // Gives the credential that stands elsewhere. Default: none, such a source is a problem: only
  // sluicectl runs where the operator's environment and files are.
  std::function<absl::StatusOr<std::string>(const SecretSource&)> resolve_secret;
};

}  // namespace sluice::resource
