#include "api/resource/reader.h"

#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/resource/key.h"
#include "api/resource/pack.h"
#include "api/resource/rules.h"
#include "api/validate/plugins/registry.h"
#include "base/nearest.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "sluice/plugins/v1/disabled.pb.h"

namespace sluice::resource {
namespace {

using google::protobuf::Any;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Reflection;

// Finds keys that stand twice in a map.
class SeenKeys {
 public:
  explicit SeenKeys(const Node& map) : map_(map) {
    // Up to here comparing all keys with each other is faster than hashing them.
    if (map.items.size() > 12) by_key_.reserve(map.items.size());
  }

  // The item before the `index`th, which is asked about in order, with the same key; or null.
  const Node* Before(size_t index) {
    const Node& item = map_.items[index];
    if (map_.items.size() > 12) {
      const auto [found, is_new] = by_key_.emplace(item.key, &item);
      return is_new ? nullptr : found->second;
    }
    for (size_t i = 0; i < index; ++i) {
      if (map_.items[i].key == item.key) return &map_.items[i];
    }
    return nullptr;
  }

 private:
  const Node& map_;
  absl::flat_hash_map<absl::string_view, const Node*> by_key_;
};

std::string KindNames() {
  std::vector<absl::string_view> names;
  for (Kind kind : kKinds) names.push_back(KindName(kind));
  return absl::StrJoin(names, ", ");
}

// The kinds of Resource.spec are not fields of the flat form.
bool IsWritten(const FieldDescriptor& field) { return field.real_containing_oneof() == nullptr; }

// The field of that name, and the message that has it.
std::pair<const FieldDescriptor*, google::protobuf::Message*> FindField(
    std::initializer_list<google::protobuf::Message*> messages, const std::string& name) {
  for (google::protobuf::Message* message : messages) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(name);
    if (field != nullptr && IsWritten(*field)) return {field, message};
  }
  return {nullptr, nullptr};
}

std::string NearestField(std::initializer_list<google::protobuf::Message*> messages,
                         absl::string_view name) {
  std::vector<absl::string_view> known;
  for (google::protobuf::Message* message : messages) {
    const Descriptor& type = *message->GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      if (IsWritten(*type.field(i))) known.push_back(type.field(i)->name());
    }
  }
  return std::string(Nearest(name, known));
}

const Node* FindKey(const Node& map, absl::string_view key) {
  for (const Node& item : map.items) {
    if (item.key == key) return &item;
  }
  return nullptr;
}

}  // namespace

// The way to a field or element, while it is read; its line is kept for later problems.
class Reader::Step {
 public:
  Step(Reader& reader, absl::string_view key, uint32_t line)
      : reader_(reader), size_(reader.path_.size()) {
    absl::StrAppend(&reader.path_, size_ == 0 ? "" : ".", key);
    reader.lines_.push_back({reader.path_, line});
  }
  Step(Reader& reader, const Node& element, size_t index)
      : reader_(reader), size_(reader.path_.size()) {
    absl::StrAppend(&reader.path_, "[", index, "]");
    reader.lines_.push_back({reader.path_, element.line});
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  ~Step() { reader_.path_.resize(size_); }

 private:
  Reader& reader_;
  const size_t size_;
};

void Reader::Refuse(uint32_t line, std::string problem, std::string want) {
  if (result_.problems.size() >= options_.max_problems) return;
  Problem& added = result_.problems.emplace_back();
  added.kind = kind_;
  added.name = name_;
  added.field = path_;
  added.problem = std::move(problem);
  added.want = std::move(want);
  added.file = options_.file;
  added.line = line;
}

void Reader::RefuseText(uint32_t line, std::string problem, std::string want) {
  kind_.clear();
  name_.clear();
  path_.clear();
  Refuse(line, std::move(problem), std::move(want));
}

void Reader::UnknownKey(const Node& item, absl::string_view what, absl::string_view nearest) {
  std::string problem = absl::StrCat("no such ", what);
  if (!nearest.empty()) absl::StrAppend(&problem, ", did you mean ", Quoted(nearest), "?");
  Refuse(item.key_line, std::move(problem), std::string(nearest));
}

bool Reader::IsUsable(const Node& node) {
  switch (node.flaw) {
    case Node::Flaw::kNone:
      return true;
    case Node::Flaw::kUnquoted:
      Refuse(node.line, absl::StrCat("quotes are missing around ", node.text),
             absl::StrCat("quote it: ", Quoted(node.text)));
      return true;
    case Node::Flaw::kAnchor:
      Refuse(node.line, "anchors (&name) are not taken",
             "the value alone, or quotes around a text that starts with &");
      return true;
    case Node::Flaw::kTag:
      Refuse(node.line, "tags (!name) are not taken",
             "the value alone, or quotes around a text that starts with !");
      return true;
    case Node::Flaw::kAlias:
      Refuse(node.line, "aliases (*name) are not taken", "the value written out");
      return false;
    case Node::Flaw::kKey:
      Refuse(node.key_line, "a key that is no word", "the name of a field");
      return false;
  }
  return true;
}

bool Reader::IsMap(const Node& node) {
  if (node.type == Node::Type::kMap) return true;
  Refuse(node.line, absl::StrCat("not a map of fields, got ", Describe(node)), "");
  return false;
}

void Reader::Read(Node&& node) {
  kind_.clear();
  name_.clear();
  path_.clear();
  lines_.clear();
  if (!IsUsable(node) || !IsMap(node)) return;
  // Known first, so that every problem can say them.
  const Node* kind = FindKey(node, "kind");
  const Node* name = FindKey(node, "name");
  if (kind != nullptr) kind_ = kind->text;
  if (name != nullptr) name_ = name->text;
  if (kind == nullptr) {
    Refuse(node.line, "no kind is given", absl::StrCat("kind: one of ", KindNames()));
    return;
  }
  SourcedResource read;
  if (!ReadKind(*kind, read.resource)) return;
  const FieldDescriptor* spec =
      v1::Resource::descriptor()->FindFieldByName(std::string(KindField(KindOf(read.resource))));
  ReadMembers(
      node, {&read.resource, read.resource.GetReflection()->MutableMessage(&read.resource, spec)});
  read.location = {options_.file, node.items[0].key_line, std::move(lines_)};
  lines_.clear();
  result_.resources.push_back(std::move(read));
}

bool Reader::ReadKind(const Node& node, v1::Resource& resource) {
  const Step step(*this, node.key, node.key_line);
  if (!IsUsable(node)) return false;
  std::string text;
  if (std::optional<Refusal> refusal = ReadString(node, syntax_, text)) {
    Refuse(node.line, std::move(refusal->problem), KindNames());
    return false;
  }
  if (KindOfName(text) == Kind::kNone) {
    const absl::string_view nearest = NearestKindName(text);
    std::string problem = absl::StrCat("no such kind, got ", Describe(node));
    if (!nearest.empty()) absl::StrAppend(&problem, ", did you mean ", Quoted(nearest), "?");
    Refuse(node.line, std::move(problem), KindNames());
    text = std::string(nearest);
  }
  const Kind kind = KindOfName(text);
  if (kind == Kind::kNone) return false;
  kind_ = std::string(KindName(kind));
  resource.GetReflection()->MutableMessage(
      &resource, v1::Resource::descriptor()->FindFieldByName(std::string(KindField(kind))));
  return true;
}

void Reader::ReadMembers(const Node& map, std::initializer_list<Message*> messages) {
  const bool is_resource = path_.empty();
  SeenKeys seen(map);
  for (size_t i = 0; i < map.items.size(); ++i) {
    const Node& item = map.items[i];
    if (IsDuplicate(item, seen.Before(i)) || (is_resource && item.key == "kind")) continue;
    auto [field, message] = FindField(messages, item.key);
    if (field == nullptr) {
      // What was meant is looked for only as long as somebody will be told.
      const bool is_full = result_.problems.size() >= options_.max_problems;
      const std::string meant = is_full ? "" : UnknownField(item, NearestField(messages, item.key));
      if (meant.empty() || FindKey(map, meant) != nullptr) continue;
      std::tie(field, message) = FindField(messages, meant);
    }
    const Step step(*this, field->name(), item.key_line);
    ReadField(item, *field, *message);
  }
}

// Says that there is no such field; the name of the one that was probably meant, or nothing.
std::string Reader::UnknownField(const Node& item, std::string nearest) {
  const Step step(*this, item.key, item.key_line);
  if (item.flaw == Node::Flaw::kKey) {
    IsUsable(item);
    return "";
  }
  UnknownKey(item, "field", nearest);
  return nearest;
}

bool Reader::IsDuplicate(const Node& item, const Node* first) {
  if (first == nullptr) return false;
  const Step step(*this, item.key, item.key_line);
  Refuse(item.key_line, absl::StrCat("given twice, first on line ", first->key_line), "");
  return true;
}

void Reader::ReadField(const Node& node, const Field& field, Message& message) {
  if (!IsUsable(node)) return;
  if (node.type == Node::Type::kNull) {
    const bool is_empty_map =
        field.is_map() || (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
                           !IsDuration(field) && !field.is_repeated());
    Refuse(node.line, "no value",
           is_empty_map ? "{} for an empty one" : "a value, or the field left out");
  } else if (field.is_map()) {
    ReadMap(node, field, message);
  } else if (field.is_repeated()) {
    ReadList(node, field, message);
  } else {
    ReadValue(node, field, message);
  }
}

void Reader::ReadList(const Node& node, const Field& field, Message& message) {
  if (node.type != Node::Type::kList) {
    const bool is_scalar = node.type == Node::Type::kPlain || node.type == Node::Type::kString;
    Refuse(node.line, absl::StrCat("not a list, got ", Describe(node)),
           is_scalar ? absl::StrCat("[", Describe(node), "]") : "");
    // Read as what was meant: without it the field would seem empty, and often mean something else.
    if (is_scalar && field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      message.GetReflection()->AddString(&message, &field, node.text);
    }
    return;
  }
  for (size_t i = 0; i < node.items.size(); ++i) {
    const Step step(*this, node.items[i], i);
    if (IsUsable(node.items[i])) ReadValue(node.items[i], field, message);
    // What could not be read keeps its place, or later problems would say the wrong index.
    const Reflection& reflection = *message.GetReflection();
    const bool is_missing = reflection.FieldSize(message, &field) <= static_cast<int>(i);
    if (is_missing && field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      reflection.AddString(&message, &field, "");
    }
  }
}

void Reader::ReadMap(const Node& node, const Field& field, Message& message) {
  if (!IsMap(node)) return;
  const Reflection& reflection = *message.GetReflection();
  SeenKeys seen(node);
  for (size_t i = 0; i < node.items.size(); ++i) {
    const Node& item = node.items[i];
    if (IsDuplicate(item, seen.Before(i))) continue;
    if (IsPlugins(field)) {
      ReadPlugin(item, field, message);
      continue;
    }
    const Step step(*this, item.key, item.key_line);
    if (!IsUsable(item)) continue;
    Message& entry = *reflection.AddMessage(&message, &field);
    entry.GetReflection()->SetString(&entry, field.message_type()->map_key(), item.key);
    ReadValue(item, *field.message_type()->map_value(), entry);
  }
}

// The plugin of that name, or, with a problem, the one that was probably meant; or null.
const validate::Plugin* Reader::FindPlugin(const Node& node) {
  if (const validate::Plugin* plugin = validate::FindPlugin(node.key)) return plugin;
  std::vector<absl::string_view> known;
  for (const validate::Plugin& plugin : validate::Plugins()) known.push_back(plugin.name);
  const absl::string_view nearest = Nearest(node.key, known);
  const Step step(*this, node.key, node.key_line);
  UnknownKey(node, "plugin", nearest);
  return validate::FindPlugin(nearest);
}

void Reader::ReadPlugin(const Node& node, const Field& field, Message& message) {
  const validate::Plugin* plugin = FindPlugin(node);
  if (plugin == nullptr) return;
  const Step step(*this, plugin->name, node.key_line);
  if (!IsUsable(node)) return;
  Any any;
  if (ReadDisabled(node)) {
    Pack(plugins::v1::Disabled(), any);
  } else {
    const std::unique_ptr<Message> config(plugin->prototype->New());
    ReadConfig(node, *config);
    Pack(*config, any);
  }
  Message& entry = *message.GetReflection()->AddMessage(&message, &field);
  const Reflection& reflection = *entry.GetReflection();
  reflection.SetString(&entry, field.message_type()->map_key(), plugin->name);
  reflection.MutableMessage(&entry, field.message_type()->map_value())->CopyFrom(any);
}

void Reader::ReadConfig(const Node& node, Message& config) {
  if (node.type == Node::Type::kNull) {
    Refuse(node.line, "no value", "{} for the plugin with its defaults");
  } else if (IsMap(node)) {
    ReadMembers(node, {&config});
  }
}

// Whether the plugin is removed: {disabled: true}, also where something is wrong with that.
bool Reader::ReadDisabled(const Node& node) {
  const Node* disabled = FindKey(node, "disabled");
  if (node.type != Node::Type::kMap || disabled == nullptr) return false;
  const Step step(*this, disabled->key, disabled->key_line);
  if (disabled->type != Node::Type::kPlain || disabled->text != "true") {
    Refuse(disabled->line, absl::StrCat("only true has a meaning, got ", Describe(*disabled)),
           "true, or the field left out");
  } else if (node.items.size() > 1) {
    Refuse(disabled->line, "other fields beside it have no meaning", "{disabled: true}");
  }
  return true;
}

void Reader::ReadValue(const Node& node, const Field& field, Message& message) {
  const bool is_message =
      field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !IsDuration(field);
  if (is_message) {
    if (!IsMap(node)) return;
    const Reflection& reflection = *message.GetReflection();
    ReadMembers(node, {field.is_repeated() ? reflection.AddMessage(&message, &field)
                                           : reflection.MutableMessage(&message, &field)});
  } else if (MayStandElsewhere(field) && node.type == Node::Type::kMap) {
    ReadSecretSource(node, field, message);
  } else if (std::optional<Refusal> refusal = SetLeaf(node, syntax_, field, message)) {
    Refuse(node.line, std::move(refusal->problem), std::move(refusal->want));
  }
}

void Reader::ReadSecretSource(const Node& node, const Field& field, Message& message) {
  const bool is_env = node.items.size() == 1 && node.items[0].key == "from_env";
  const bool is_file = node.items.size() == 1 && node.items[0].key == "from_file";
  SecretSource source{is_env ? SecretSource::Place::kEnvironment : SecretSource::Place::kFile, ""};
  if ((!is_env && !is_file) || ReadString(node.items[0], syntax_, source.name).has_value()) {
    Refuse(node.line, "not a text", "a string, {from_env: NAME} or {from_file: PATH}");
    return;
  }
  if (options_.resolve_secret == nullptr) {
    Refuse(node.line, absl::StrCat(node.items[0].key, " is read by sluicectl only"),
           IsCredential(field)   ? "the credential, or \"sha256:\" and its SHA-256"
           : IsPrivateKey(field) ? "the key, or \"sha256:\" and its SHA-256"
                                 : "the text itself");
    return;
  }
  Node resolved;
  resolved.type = Node::Type::kString;
  const absl::StatusOr<std::string> secret = options_.resolve_secret(source);
  if (secret.ok()) resolved.text = *secret;
  // A secret comes from a file or variable of any content; a resource holds only text.
  if (!secret.ok() || FirstLineOfBadText(resolved.text) != 0) {
    Refuse(node.line,
           absl::StrCat(node.items[0].key, " ", Quoted(source.name), " cannot be used: ",
                        secret.ok() ? "it is not UTF-8 text" : secret.status().message().data()),
           "");
    return;
  }
  SetLeaf(resolved, syntax_, field, message);
}

}  // namespace sluice::resource
