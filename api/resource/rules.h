// What the options of the contract (sluice/v1/options.proto) say about a field, for code that works
// by reflection.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace google::protobuf {
class EnumDescriptor;
class EnumValueDescriptor;
class FieldDescriptor;
}  // namespace google::protobuf

namespace sluice::resource {

// Written as "64KiB".
bool IsSize(const google::protobuf::FieldDescriptor& field);

// Holds a secret of a consumer, of which only the hash is kept.
bool IsCredential(const google::protobuf::FieldDescriptor& field);

// Holds a private key, of which only the hash is shown.
bool IsPrivateKey(const google::protobuf::FieldDescriptor& field);

// Either of the two: not to be repeated in any message.
bool IsSecret(const google::protobuf::FieldDescriptor& field);

// May be written as {from_file: PATH} or {from_env: NAME}.
bool MayStandElsewhere(const google::protobuf::FieldDescriptor& field);

// Name of the kind of resource that the value names ("Upstream"); empty if it names none.
absl::string_view ReferenceOf(const google::protobuf::FieldDescriptor& field);

// Must be given.
bool IsRequired(const google::protobuf::FieldDescriptor& field);

// The schema in which the field came.
uint32_t SinceOf(const google::protobuf::FieldDescriptor& field);

// google.protobuf.Duration.
bool IsDuration(const google::protobuf::FieldDescriptor& field);

// map<string, google.protobuf.Any>: plugins by name.
bool IsPlugins(const google::protobuf::FieldDescriptor& field);

// How the value is written: POLICY_ROUND_ROBIN as "round_robin". Empty for a value ..._UNSPECIFIED,
// which is written by leaving the field out.
std::string EnumText(const google::protobuf::EnumValueDescriptor& value);

// The value that is written so; null if there is none.
const google::protobuf::EnumValueDescriptor* FindEnumValue(
    const google::protobuf::EnumDescriptor& type, absl::string_view text);

}  // namespace sluice::resource
