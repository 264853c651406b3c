#include "controlplane/web/operations.h"

#include "absl/strings/str_split.h"

namespace sluice::web {
namespace {

using Id = Operation::Id;
using Body = Operation::Body;
using Parameter = Operation::Parameter;

constexpr Parameter kDryRun = {"dry_run", "boolean", "Answers with the changes, commits nothing."};
constexpr Parameter kExpect = {"expect", "integer",
                               "Refused if what it touches has changed since this generation."};
constexpr Parameter kMessage = {"message", "string", "Why, for the history."};
constexpr Parameter kAuthor = {"author", "string", "Who, for the history."};
constexpr Parameter kAllowSkew = {"allow_skew", "boolean",
                                  "Commits even what a connected proxy is too old to read."};
constexpr Parameter kPrune = {
    "prune", "string",
    "KEY=VALUE: stamps the label on every resource and deletes those that "
    "carry it and are absent."};
constexpr Parameter kAdopt = {"adopt", "boolean",
                              "With prune: takes over resources with another value of that label."};
constexpr Parameter kAllowEmpty = {"allow_empty", "boolean", "With prune: no resources are meant."};
constexpr Parameter kGeneration = {"generation", "integer", "As it was then. Default: the newest."};

const std::vector<Operation>* MakeOperations() {
  return new std::vector<Operation>{
      {Id::kApply,
       "POST",
       "/v1/apply",
       "Commits all resources of the body or none.",
       {kDryRun, kExpect, kPrune, kAdopt, kAllowEmpty, kAllowSkew, kMessage, kAuthor},
       Body::kResources,
       "ApplyResponse"},
      {Id::kValidate,
       "POST",
       "/v1/validate",
       "Says what applying the body would do, or refuse.",
       {kPrune, kAdopt, kAllowEmpty, kAllowSkew},
       Body::kResources,
       "ApplyResponse"},
      {Id::kListGenerations,
       "GET",
       "/v1/generations",
       "Commits, newest first.",
       {{"limit", "integer", "Most commits to send. Default: all that are kept."},
        {"all", "boolean", "Those that registered endpoints too."}},
       Body::kNone,
       "Generations"},
      {Id::kDiff,
       "GET",
       "/v1/diff",
       "What changed between two generations.",
       {{"from", "integer", "Default: 0, the empty store."},
        {"to", "integer", "Default: the newest."}},
       Body::kNone,
       "Changes"},
      {Id::kRollback,
       "POST",
       "/v1/rollback",
       "Commits the content of an earlier generation anew, of everything or of what is selected.",
       {},
       Body::kRollback,
       "ApplyResponse"},
      {Id::kListProxies,
       "GET",
       "/v1/proxies",
       "Proxies, and what they report that they hold.",
       {{"groups", "string", "Only proxies in any of these, divided by commas."}},
       Body::kNone,
       "Proxies"},
      {Id::kOpenApi, "GET", "/v1/openapi.json", "This document.", {}, Body::kNone, ""},
      {Id::kListResources,
       "GET",
       "/v1/{kind}",
       "Resources of a kind (\"routes\"), or \"all\", by name.",
       {{"labels", "string", "KEY=VALUE or KEY, all of which must hold, divided by commas."},
        kGeneration},
       Body::kNone,
       "Resources"},
      {Id::kGetResource,
       "GET",
       "/v1/{kind}/{name}",
       "One resource.",
       {kGeneration},
       Body::kNone,
       "Resource"},
      {Id::kDeleteResource,
       "DELETE",
       "/v1/{kind}/{name}",
       "Deletes one resource; refused if it is referred to.",
       {kDryRun, kExpect, kAllowSkew, kMessage, kAuthor},
       Body::kNone,
       "ApplyResponse"},
  };
}

// Whether the path is of the template's form; fills what stands for its variables.
bool Matches(absl::string_view form, absl::string_view path, Route* route) {
  const std::vector<absl::string_view> wanted = absl::StrSplit(form, '/');
  const std::vector<absl::string_view> given = absl::StrSplit(path, '/');
  if (wanted.size() != given.size()) return false;
  std::string kind;
  std::string name;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "{kind}") {
      kind = std::string(given[i]);
    } else if (wanted[i] == "{name}") {
      name = std::string(given[i]);
    } else if (wanted[i] != given[i]) {
      return false;
    }
  }
  route->kind = std::move(kind);
  route->name = std::move(name);
  return true;
}

}  // namespace

const std::vector<Operation>& Operations() {
  static const std::vector<Operation>& operations = *MakeOperations();
  return operations;
}

Route FindOperation(absl::string_view method, absl::string_view path) {
  Route route;
  absl::string_view found;
  for (const Operation& operation : Operations()) {
    // A path that is one of the fixed ones is not a kind as well.
    if (!found.empty() && operation.path != found) continue;
    if (!Matches(operation.path, path, &route)) continue;
    found = operation.path;
    route.methods.push_back(operation.method);
    if (operation.method == method) route.operation = &operation;
  }
  return route;
}

}  // namespace sluice::web
