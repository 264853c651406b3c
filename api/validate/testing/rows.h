// Tables of what is valid and what is not, as an operator would write it.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::validate {

// What CheckResource() says of it, sorted, without kind and name: "field: problem; want ...".
std::vector<std::string> ProblemsOf(const v1::Resource& resource);

// In YAML a resource of the kind with what it requires, and `fields`.
std::string With(absl::string_view kind, absl::string_view fields);

// `element` so often, divided by commas; each "#" in it is the number of its place.
std::string Repeated(int count, absl::string_view element);

struct Row {
  std::string fields;
  std::string problem;  // Empty: valid.
};

// Each is a resource of the kind with these fields. Several problems are divided by " | ".
void ExpectRows(absl::string_view kind, const std::vector<Row>& rows);

}  // namespace sluice::validate
