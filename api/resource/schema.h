// Version skew: which schema a resource needs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace google::protobuf {
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace sluice::v1 {
class Resource;
}  // namespace sluice::v1

namespace sluice::resource {

class FieldFinder;

// A field, value or plugin that is set and came after the first schema.
struct LateField {
  std::string field;  // As Problem::field.
  uint32_t since;
};

// All of them; those that a proxy of schema N cannot read have `since` above N. Costs next to
// nothing as long as a kind and the plugins have no late fields.
std::vector<LateField> LateFields(const v1::Resource& resource);

// The lowest schema that can read the resource; at least 1.
uint32_t SchemaOf(const v1::Resource& resource);

// The same for any message, with a finder for CameLate over its types.
std::vector<LateField> LateFields(const google::protobuf::Message& message,
                                  const FieldFinder& finder);

// The field came late, or can hold something that did.
bool CameLate(const google::protobuf::FieldDescriptor& field);

}  // namespace sluice::resource
