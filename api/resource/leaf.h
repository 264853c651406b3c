// One value of a tree into one field of a message.
#pragma once

#include <optional>
#include <string>

#include "api/resource/tree.h"

namespace google::protobuf {
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace sluice::resource {

// Why a value cannot be taken: as Problem has it.
struct Refusal {
  std::string problem;
  std::string want;
};

// From what text a tree was read. In YAML a word without quotes is a string wherever a string is
// wanted, a number too: there is only one way to mean it. In JSON it is not.
enum class Syntax { kYaml, kJson };

// Sets the field, or adds to it if it is repeated. `field` is a boolean, integer, enumeration,
// string or Duration. A refusal never shows the value of a credential.
std::optional<Refusal> SetLeaf(const Node& node, Syntax syntax,
                               const google::protobuf::FieldDescriptor& field,
                               google::protobuf::Message& message);

// The text of a node that must be a string: a key's value, a name.
std::optional<Refusal> ReadString(const Node& node, Syntax syntax, std::string& text);

// The value as a message shows it: `15`, `"a"`, `a list`.
std::string Describe(const Node& node);

}  // namespace sluice::resource
