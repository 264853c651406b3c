// Trees to resources, for YAML and JSON alike.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/resource/leaf.h"
#include "api/resource/source.h"
#include "api/resource/tree.h"

namespace sluice::validate {
struct Plugin;
}  // namespace sluice::validate

namespace sluice::resource {

// Turns trees into resources by what the contract's descriptors and options say, so that a new
// field, kind or plugin needs no line here.
class Reader {
 public:
  // `result` gets the resources and the problems.
  Reader(const ReadOptions& options, Syntax syntax, ReadResult& result)
      : options_(options), syntax_(syntax), result_(result) {}

  // A tree that is to be one resource.
  void Read(Node&& node);

  // A part of the text that is no tree.
  void RefuseText(uint32_t line, std::string problem, std::string want);

 private:
  using Field = google::protobuf::FieldDescriptor;
  using Message = google::protobuf::Message;
  class Step;

  // Sets the empty spec of the kind; false if the kind cannot be told.
  bool ReadKind(const Node& node, v1::Resource& resource);

  // The members of a map, each into the field of that name of one of the messages.
  void ReadMembers(const Node& map, std::initializer_list<Message*> messages);
  std::string UnknownField(const Node& item, std::string nearest);
  bool IsDuplicate(const Node& item, const Node* first);
  void ReadField(const Node& node, const Field& field, Message& message);
  void ReadList(const Node& node, const Field& field, Message& message);
  void ReadMap(const Node& node, const Field& field, Message& message);
  const validate::Plugin* FindPlugin(const Node& node);
  void ReadPlugin(const Node& node, const Field& field, Message& message);
  void ReadConfig(const Node& node, Message& config);
  bool ReadDisabled(const Node& node);

  // A value that is not repeated, or one of those that are.
  void ReadValue(const Node& node, const Field& field, Message& message);
  void ReadSecretSource(const Node& node, const Field& field, Message& message);

  // False, with a problem, if nothing can be read from the node.
  bool IsUsable(const Node& node);
  bool IsMap(const Node& node);

  // Says that the key is not known, and whether another one was probably meant.
  void UnknownKey(const Node& item, absl::string_view what, absl::string_view nearest);
  void Refuse(uint32_t line, std::string problem, std::string want);

  // Set at construction.
  const ReadOptions& options_;
  const Syntax syntax_;
  ReadResult& result_;

  // Of the resource that is read.
  std::string kind_;
  std::string name_;
  std::string path_;  // Of the field that is read.
  std::vector<Location::FieldLine> lines_;
};

}  // namespace sluice::resource
