#include "api/validate/configuration.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "api/resource/key.h"
#include "api/validate/index.h"
#include "api/validate/resource.h"

namespace sluice::validate {
namespace {

using resource::KeyOf;
using resource::KindName;
using resource::Location;
using resource::ReadResult;
using resource::SourcedResource;

using ByKey = absl::flat_hash_map<Key, const SourcedResource*>;

// The first of each key; the others are problems.
ByKey FirstOfEachKey(const ReadResult& read, std::vector<Problem>& problems) {
  ByKey first;
  for (const SourcedResource& source : read.resources) {
    const auto [entry, is_new] = first.emplace(KeyOf(source.resource), &source);
    // Without a name it has no key; that it lacks one is said elsewhere.
    if (is_new || source.resource.name().empty()) continue;
    const Location& other = entry->second->location;
    Problem& problem = problems.emplace_back();
    problem.kind = std::string(KindName(entry->first.kind));
    problem.name = entry->first.name;
    problem.field = "name";
    problem.problem = absl::StrCat("is defined twice, first at ", other.file, ":", other.line);
    problem.want = "each name once in its kind";
    problem.file = source.location.file;
    problem.line = source.location.LineOf("name");
  }
  return first;
}

// In the order in which they were read, so that problems do not depend on hashing.
std::vector<const v1::Resource*> Resources(const ReadResult& read, const ByKey& first,
                                           const ByKey* without) {
  std::vector<const v1::Resource*> resources;
  for (const SourcedResource& source : read.resources) {
    const Key key = KeyOf(source.resource);
    if (first.at(key) != &source) continue;
    if (without == nullptr || !without->contains(key)) resources.push_back(&source.resource);
  }
  return resources;
}

}  // namespace

void Locate(absl::FunctionRef<const Location*(absl::string_view, absl::string_view)> find,
            std::vector<Problem>& problems) {
  for (Problem& problem : problems) {
    if (!problem.file.empty() || problem.line != 0) continue;
    const Location* location = find(problem.kind, problem.name);
    if (location == nullptr) continue;
    problem.file = location->file;
    problem.line = location->LineOf(problem.field);
  }
}

void DropConsequences(const std::vector<Problem>& read, std::vector<Problem>& problems) {
  using Place =
      std::tuple<absl::string_view, absl::string_view, absl::string_view, absl::string_view>;
  const auto place = [](const Problem& problem) {
    return Place(problem.file, problem.kind, problem.name, problem.field);
  };
  absl::flat_hash_set<Place> causes;
  for (const Problem& problem : read) causes.insert(place(problem));
  problems.erase(
      std::remove_if(problems.begin(), problems.end(),
                     [&](const Problem& problem) { return causes.contains(place(problem)); }),
      problems.end());
}

std::vector<Problem> ValidateConfiguration(const ReadResult& read, const ReadResult* context) {
  std::vector<Problem> problems;
  const ByKey first = FirstOfEachKey(read, problems);
  Index index;
  if (context != nullptr) {
    std::vector<Problem> ignored;
    const ByKey context_first = FirstOfEachKey(*context, ignored);
    index.Apply({Resources(*context, context_first, &first), {}});
  }
  for (const SourcedResource& source : read.resources) {
    std::vector<Problem> found;
    CheckResource(source.resource, found);
    Locate([&source](absl::string_view, absl::string_view) { return &source.location; }, found);
    std::move(found.begin(), found.end(), std::back_inserter(problems));
  }
  std::vector<Problem> found = index.Check({Resources(read, first, nullptr), {}});
  const auto find = [&first](absl::string_view kind, absl::string_view name) -> const Location* {
    const auto source = first.find(Key{resource::KindOfName(kind), "", std::string(name)});
    return source == first.end() ? nullptr : &source->second->location;
  };
  Locate(find, found);
  std::move(found.begin(), found.end(), std::back_inserter(problems));
  DropConsequences(read.problems, problems);
  problems.insert(problems.end(), read.problems.begin(), read.problems.end());
  resource::Sort(problems);
  return problems;
}

}  // namespace sluice::validate
