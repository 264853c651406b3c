// Finding the fields of a resource that have some property, plugin configurations included.
#pragma once

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace sluice::resource {

using FieldProperty = bool (*)(const google::protobuf::FieldDescriptor& field);

// The fields that have a property, and the message types through which they are reached: a walk
// leaves out all that cannot lead to one, so that it costs next to nothing where there is none.
// Immutable; any thread.
class FieldFinder {
 public:
  // Over v1::Resource and every plugin.
  explicit FieldFinder(FieldProperty property);

  // Over these types instead.
  FieldFinder(FieldProperty property, absl::Span<const google::protobuf::Descriptor* const> roots);

  // `field` of `message` is set and has the property; `path` is as Problem::field has it.
  using OnField = absl::FunctionRef<void(const google::protobuf::Message& message,
                                         const google::protobuf::FieldDescriptor& field,
                                         const std::string& path)>;

  // Calls `on_field` for each such field of `message` and of what it contains.
  void Walk(const google::protobuf::Message& message, OnField on_field) const;

  // Whether the field has the property.
  bool Has(const google::protobuf::FieldDescriptor& field) const { return property_(field); }

  // Whether a message of the type can contain such a field.
  bool Reaches(const google::protobuf::Descriptor& type) const { return types_.contains(&type); }

 private:
  class Walker;
  bool Explore(const google::protobuf::Descriptor& type,
               absl::flat_hash_set<const google::protobuf::Descriptor*>& seen);

  const FieldProperty property_;
  absl::flat_hash_set<const google::protobuf::Descriptor*> types_;
};

// "a.b", or "b" at the top. The fields of a kind stand at the top, beside the resource's own.
std::string JoinPath(absl::string_view path, const google::protobuf::FieldDescriptor& field);

}  // namespace sluice::resource
