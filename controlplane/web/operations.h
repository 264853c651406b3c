// What the JSON interface can do: one table for who answers and for who describes it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace sluice::web {

struct Operation {
  enum class Id {
    kListResources,
    kGetResource,
    kDeleteResource,
    kApply,
    kValidate,
    kListGenerations,
    kDiff,
    kRollback,
    kListProxies,
    kOpenApi,
  };

  // Of the query.
  struct Parameter {
    absl::string_view name;
    absl::string_view type;  // As OpenAPI has them: "string", "integer", "boolean".
    absl::string_view help;
  };

  enum class Body { kNone, kResources, kRollback };

  Id id;
  absl::string_view method;
  absl::string_view path;  // "/v1/{kind}/{name}"
  absl::string_view summary;
  std::vector<Parameter> parameters;
  Body body = Body::kNone;
  absl::string_view answer;  // Name of the schema in the OpenAPI document.
};

// Paths without variables first.
const std::vector<Operation>& Operations();

// Where a path leads.
struct Route {
  const Operation* operation = nullptr;    // Null: no operation has this path and method.
  std::vector<absl::string_view> methods;  // That the path has; none: there is no such path.
  std::string kind;                        // Of {kind}.
  std::string name;                        // Of {name}.
};

Route FindOperation(absl::string_view method, absl::string_view path);

}  // namespace sluice::web
