// What every message of the contract must be, whatever it means.
#pragma once

#include "api/validate/field.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace sluice::validate {

// Required fields are given, enumerations have values with names, durations are well-formed, and
// nothing is there that this build does not know: it may be a rule that denies. Messages within are
// checked too; plugins are not (CheckPlugins).
void CheckShape(const google::protobuf::Message& message, const Field& field);

}  // namespace sluice::validate
