#include "api/validate/resource.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "api/resource/key.h"
#include "api/validate/bounds.h"
#include "api/validate/field.h"
#include "api/validate/kinds.h"
#include "api/validate/shape.h"
#include "api/validate/syntax.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::validate {
namespace {

constexpr int kMaxLabels = 64;
constexpr size_t kMaxDescriptionBytes = 4096;

void CheckCommon(const v1::Resource& resource, const Field& field) {
  if (!resource.name().empty()) field.At("name").Refuse(CheckName(resource.name()));
  if (!resource.namespace_().empty()) {
    field.At("namespace").Refuse("namespaces do not exist yet", "the field left out");
  }
  const Field labels = field.At("labels");
  CheckCount(labels, static_cast<int>(resource.labels().size()), kMaxLabels, "labels");
  for (const auto& [key, value] : resource.labels()) {
    labels.At(key).Refuse(CheckLabelKey(key));
    labels.At(key).Refuse(CheckLabelValue(value));
  }
  CheckLength(field.At("description"), resource.description(), kMaxDescriptionBytes);
}

void CheckSpec(const v1::Resource& resource, const Field& field) {
  switch (resource.spec_case()) {
    case v1::Resource::kCertificate:
      return CheckCertificate(resource.certificate(), field);
    case v1::Resource::kConsumer:
      return CheckConsumer(resource.consumer(), field);
    case v1::Resource::kConsumerGroup:
      return CheckConsumerGroup(resource.consumer_group(), field);
    case v1::Resource::kGlobalRule:
      return CheckGlobalRule(resource.global_rule(), field);
    case v1::Resource::kListener:
      return CheckListener(resource.listener(), field);
    case v1::Resource::kPluginSet:
      return CheckPluginSet(resource.plugin_set(), field);
    case v1::Resource::kRoute:
      return CheckRoute(resource, field);
    case v1::Resource::kService:
      return CheckService(resource.service(), field);
    case v1::Resource::kStreamRoute:
      return CheckStreamRoute(resource, field);
    case v1::Resource::kUpstream:
      return CheckUpstream(resource.upstream(), field);
    case v1::Resource::SPEC_NOT_SET:
      field.At("kind").Refuse("missing", "the fields of one kind");
  }
}

}  // namespace

void CheckNames(const google::protobuf::RepeatedPtrField<std::string>& names, int most,
                const Field& field, absl::string_view list) {
  CheckCount(field.At(list), names.size(), most, "names");
  std::set<absl::string_view> seen;
  for (int i = 0; i < names.size(); ++i) {
    const Field element = field.At(list, static_cast<size_t>(i));
    element.Refuse(CheckName(names[i]));
    if (!seen.insert(names[i]).second) element.Refuse("given twice", "each name once");
  }
}

void CheckResource(const v1::Resource& resource, std::vector<Problem>& problems) {
  const Field field(problems, resource::KindName(resource::KindOf(resource)), resource.name());
  CheckShape(resource, field);
  CheckCommon(resource, field);
  CheckSpec(resource, field);
}

void CheckChange(const v1::Resource& before, const v1::Resource& after,
                 std::vector<Problem>& problems) {
  std::vector<Problem> found;
  CheckResource(after, found);
  if (found.empty()) return;
  std::vector<Problem> old;
  CheckResource(before, old);
  for (Problem& problem : found) {
    problem.is_warning = std::find(old.begin(), old.end(), problem) != old.end();
    problems.push_back(std::move(problem));
  }
}

}  // namespace sluice::validate
