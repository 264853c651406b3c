#include "api/resource/testing/round_trip.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "api/resource/digest.h"
#include "api/resource/json.h"
#include "api/resource/yaml.h"
#include "api/validate/configuration.h"

namespace sluice::resource {
namespace {

void ExpectSame(const v1::Resource& resource, const ReadResult& again, const std::string& text) {
  const bool is_same = again.problems.empty() && again.resources.size() == 1 &&
                       Serialise(again.resources[0].resource) == Serialise(resource);
  if (is_same) return;
  std::fprintf(stderr, "does not come back as it was:\n%s\n", text.c_str());
  for (const Problem& problem : again.problems) {
    std::fprintf(stderr, "%s\n", ToString(problem).c_str());
  }
  std::abort();
}

}  // namespace

void ExpectRoundTrip(const ReadResult& read) {
  for (const Problem& problem : validate::ValidateConfiguration(read)) ToString(problem);
  if (!read.problems.empty()) return;
  for (const SourcedResource& source : read.resources) {
    const std::string yaml = ToYaml(source.resource);
    ExpectSame(source.resource, ReadYaml(yaml), yaml);
    const std::string json = ToJson(source.resource);
    ExpectSame(source.resource, ReadJson(json), json);
  }
}

}  // namespace sluice::resource
