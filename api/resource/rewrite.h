// Replaces the texts of a resource that stand in fields of some property.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace sluice::resource {

class FieldFinder;

// Puts `rewrite(text)` in the place of every text in a string field that `finder` finds, plugin
// configurations included.
void RewriteStrings(google::protobuf::Message& message, const FieldFinder& finder,
                    absl::FunctionRef<std::string(const std::string&)> rewrite);

}  // namespace sluice::resource
