#include "api/resource/references.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "api/resource/rules.h"
#include "api/resource/walk.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {
namespace {

bool IsReference(const google::protobuf::FieldDescriptor& field) {
  return !ReferenceOf(field).empty();
}

}  // namespace

std::vector<Reference> References(const v1::Resource& resource) {
  static const FieldFinder& finder = *new FieldFinder(&IsReference);
  std::vector<Reference> references;
  finder.Walk(
      resource, [&](const google::protobuf::Message& message,
                    const google::protobuf::FieldDescriptor& field, const std::string& path) {
        const google::protobuf::Reflection& reflection = *message.GetReflection();
        const Kind kind = KindOfName(ReferenceOf(field));
        const auto add = [&](std::string where, std::string name) {
          references.push_back({std::move(where), {kind, resource.namespace_(), std::move(name)}});
        };
        if (!field.is_repeated()) {
          add(path, reflection.GetString(message, &field));
          return;
        }
        for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
          add(absl::StrCat(path, "[", i, "]"), reflection.GetRepeatedString(message, &field, i));
        }
      });
  return references;
}

}  // namespace sluice::resource
