#include "api/validate/plugins/consumer_restriction.h"

#include "api/validate/bounds.h"
#include "sluice/plugins/v1/consumer_restriction.pb.h"

namespace sluice::validate {
namespace {

using Subjects = plugins::v1::ConsumerRestriction::Subjects;

constexpr int kMaxSubjects = 1024;

void CheckSubjects(const Subjects& subjects, const Field& field) {
  CheckCount(field.At("consumers"), subjects.consumers_size(), kMaxSubjects, "names");
  CheckCount(field.At("consumer_groups"), subjects.consumer_groups_size(), kMaxSubjects, "names");
}

bool IsEmpty(const Subjects& subjects) {
  return subjects.consumers_size() == 0 && subjects.consumer_groups_size() == 0;
}

}  // namespace

void Check(const plugins::v1::ConsumerRestriction& config, const Field& field) {
  if (IsEmpty(config.allow()) && IsEmpty(config.deny())) {
    field.Refuse("restricts nobody", "a consumer or consumer group in allow or deny");
  }
  CheckSubjects(config.allow(), field.At("allow"));
  CheckSubjects(config.deny(), field.At("deny"));
}

}  // namespace sluice::validate
