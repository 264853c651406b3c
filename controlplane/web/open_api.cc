#include "controlplane/web/open_api.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "api/resource/key.h"
#include "api/resource/rules.h"
#include "api/resource/text.h"
#include "api/validate/plugins/registry.h"
#include "base/version.h"
#include "controlplane/web/operations.h"
#include "sluice/v1/admin.pb.h"
#include "sluice/v1/fleet.pb.h"
#include "sluice/v1/options.pb.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::web {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using resource::QuoteJson;

std::string Member(absl::string_view name, absl::string_view value) {
  return absl::StrCat(QuoteJson(name), ":", value);
}

std::string Object(const std::vector<std::string>& members) {
  return absl::StrCat("{", absl::StrJoin(members, ","), "}");
}

std::string Array(const std::vector<std::string>& items) {
  return absl::StrCat("[", absl::StrJoin(items, ","), "]");
}

std::string Type(absl::string_view type) { return Object({Member("type", QuoteJson(type))}); }

std::string Type(absl::string_view type, absl::string_view format) {
  return Object({Member("type", QuoteJson(type)), Member("format", QuoteJson(format))});
}

std::string ArrayOf(absl::string_view items) {
  return Object({Member("type", QuoteJson("array")), Member("items", items)});
}

std::string Reference(absl::string_view schema) {
  return Object({Member("$ref", QuoteJson(absl::StrCat("#/components/schemas/", schema)))});
}

std::string Enumeration(const EnumDescriptor& type) {
  std::vector<std::string> values;
  for (int i = 0; i < type.value_count(); ++i) {
    const std::string text = resource::EnumText(*type.value(i));
    if (!text.empty()) values.push_back(QuoteJson(text));
  }
  return Object({Member("type", QuoteJson("string")), Member("enum", Array(values))});
}

// "Listener.Limits" of sluice.v1.Listener.Limits.
std::string NameOf(const Descriptor& type) {
  absl::string_view name = type.full_name();
  absl::ConsumePrefix(&name, "sluice.v1.");
  absl::ConsumePrefix(&name, "sluice.");
  return std::string(name);
}

// Collects the schemas of messages, each once.
class Schemas {
 public:
  // The schema of a value of the message: a reference to one that is among All() then.
  std::string Of(const Descriptor& type) {
    if (&type == google::protobuf::Timestamp::descriptor()) return Type("string", "date-time");
    if (&type == google::protobuf::Duration::descriptor()) {
      return Object({Member("type", QuoteJson("string")), Member("example", QuoteJson("1m30s"))});
    }
    const std::string name = NameOf(type);
    const auto [it, is_new] = schemas_.try_emplace(name);
    if (is_new) {
      std::vector<std::string> properties;
      std::vector<std::string> required;
      if (&type == v1::Resource::descriptor()) {
        schemas_[name] = AnyKind();
      } else {
        AddFields(type, &properties, &required);
        schemas_[name] = ObjectSchema(properties, required);
      }
    }
    return Reference(name);
  }

  void Add(const std::string& name, std::string schema) { schemas_[name] = std::move(schema); }

  std::string All() const {
    std::vector<std::string> members;
    for (const auto& [name, schema] : schemas_) members.push_back(Member(name, schema));
    return Object(members);
  }

  static std::string ObjectSchema(const std::vector<std::string>& properties,
                                  const std::vector<std::string>& required) {
    std::vector<std::string> members = {Member("type", QuoteJson("object")),
                                        Member("properties", Object(properties))};
    if (!required.empty()) members.push_back(Member("required", Array(required)));
    return Object(members);
  }

 private:
  // A resource is flat: what all have in common, and the fields of its kind.
  std::string AnyKind() {
    std::vector<std::string> kinds;
    for (const resource::Kind kind : resource::kKinds) {
      const std::string name(resource::KindName(kind));
      std::vector<std::string> properties = {Member(
          "kind",
          Object({Member("type", QuoteJson("string")), Member("enum", Array({QuoteJson(name)}))}))};
      std::vector<std::string> required = {QuoteJson("kind")};
      const Descriptor& common = *v1::Resource::descriptor();
      for (int i = 0; i < common.field_count(); ++i) {
        const FieldDescriptor& field = *common.field(i);
        if (field.containing_oneof() == nullptr) AddField(field, &properties, &required);
      }
      AddFields(*common.FindFieldByName(std::string(resource::KindField(kind)))->message_type(),
                &properties, &required);
      schemas_[name] = ObjectSchema(properties, required);
      kinds.push_back(Reference(name));
    }
    return Object({Member("oneOf", Array(kinds)),
                   Member("discriminator", Object({Member("propertyName", QuoteJson("kind"))}))});
  }

  void AddFields(const Descriptor& type, std::vector<std::string>* properties,
                 std::vector<std::string>* required) {
    for (int i = 0; i < type.field_count(); ++i) AddField(*type.field(i), properties, required);
  }

  void AddField(const FieldDescriptor& field, std::vector<std::string>* properties,
                std::vector<std::string>* required) {
    if (field.name() == "namespace") return;  // Always empty.
    if (field.message_type() == v1::ResourceKey::descriptor() && !field.is_repeated()) {
      return AddFields(*field.message_type(), properties, required);
    }
    properties->push_back(Member(field.name(), OfField(field)));
    if (field.options().GetExtension(v1::field).required()) {
      required->push_back(QuoteJson(field.name()));
    }
  }

  std::string OfField(const FieldDescriptor& field) {
    if (resource::IsPlugins(field)) return Plugins();
    if (field.is_map()) {
      return Object({Member("type", QuoteJson("object")),
                     Member("additionalProperties", OfValue(*field.message_type()->map_value()))});
    }
    return field.is_repeated() ? ArrayOf(OfValue(field)) : OfValue(field);
  }

  std::string OfValue(const FieldDescriptor& field) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Of(*field.message_type());
      case FieldDescriptor::CPPTYPE_ENUM:
        return Enumeration(*field.enum_type());
      case FieldDescriptor::CPPTYPE_STRING:
        return Type("string");
      case FieldDescriptor::CPPTYPE_BOOL:
        return Type("boolean");
      case FieldDescriptor::CPPTYPE_DOUBLE:
      case FieldDescriptor::CPPTYPE_FLOAT:
        return Type("number");
      default:
        if (!resource::IsSize(field)) return Type("integer");
        // Written as "64KiB", or as a plain number.
        return Object({Member("oneOf", Array({Type("integer"), Type("string")}))});
    }
  }

  std::string Plugins() {
    std::vector<std::string> properties;
    for (const validate::Plugin& plugin : validate::Plugins()) {
      properties.push_back(Member(plugin.name, Of(*plugin.prototype->GetDescriptor())));
    }
    Add("Plugins", ObjectSchema(properties, {}));
    return Reference("Plugins");
  }

  std::map<std::string, std::string> schemas_;
};

std::string ParameterOf(absl::string_view name, absl::string_view place, absl::string_view type,
                        absl::string_view help) {
  std::vector<std::string> members = {Member("name", QuoteJson(name)),
                                      Member("in", QuoteJson(place)), Member("schema", Type(type))};
  if (place == "path") members.push_back(Member("required", "true"));
  if (!help.empty()) members.push_back(Member("description", QuoteJson(help)));
  return Object(members);
}

std::string JsonContent(absl::string_view schema) {
  return Member("content",
                Object({Member("application/json", Object({Member("schema", schema)}))}));
}

std::string ResponseOf(absl::string_view help, absl::string_view schema) {
  std::vector<std::string> members = {Member("description", QuoteJson(help))};
  if (!schema.empty()) members.push_back(JsonContent(schema));
  return Object(members);
}

std::string BodyOf(Operation::Body body) {
  const std::string schema =
      body == Operation::Body::kRollback
          ? Reference("Rollback")
          : Object({Member("oneOf", Array({Reference("Resource"), ArrayOf(Reference("Resource")),
                                           Reference("Resources")}))});
  return Object({Member("required", "true"), JsonContent(schema)});
}

std::string DescribeOperation(const Operation& operation) {
  std::vector<std::string> parameters;
  for (const absl::string_view variable : {"kind", "name"}) {
    if (operation.path.find(absl::StrCat("{", variable, "}")) != absl::string_view::npos) {
      parameters.push_back(ParameterOf(variable, "path", "string", ""));
    }
  }
  for (const Operation::Parameter& p : operation.parameters) {
    parameters.push_back(ParameterOf(p.name, "query", p.type, p.help));
  }
  const std::string answer = operation.answer.empty() ? "" : Reference(operation.answer);
  const std::string refusal = Reference("Problems");
  std::vector<std::string> members = {
      Member("summary", QuoteJson(operation.summary)), Member("parameters", Array(parameters)),
      Member("responses",
             Object({Member("200", ResponseOf("Done.", answer)),
                     Member("400", ResponseOf("The request is wrong.", refusal)),
                     Member("404", ResponseOf("It does not exist.", refusal)),
                     Member("409", ResponseOf("Something stands against it.", refusal))}))};
  if (operation.body != Operation::Body::kNone) {
    members.push_back(Member("requestBody", BodyOf(operation.body)));
  }
  return Object(members);
}

std::string Paths() {
  std::map<std::string, std::vector<std::string>> methods;
  for (const Operation& operation : Operations()) {
    const std::string method = operation.method == "GET"    ? "get"
                               : operation.method == "POST" ? "post"
                                                            : "delete";
    methods[std::string(operation.path)].push_back(Member(method, DescribeOperation(operation)));
  }
  std::vector<std::string> paths;
  for (const auto& [path, operations] : methods) paths.push_back(Member(path, Object(operations)));
  return Object(paths);
}

void AddAnswers(Schemas* schemas) {
  const auto list = [](absl::string_view name, const std::string& item) {
    return Schemas::ObjectSchema({Member(name, ArrayOf(item))}, {});
  };
  schemas->Of(*v1::ApplyResponse::descriptor());
  schemas->Add("Problems", list("problems", schemas->Of(*v1::Problem::descriptor())));
  schemas->Add("Generations", list("generations", schemas->Of(*v1::Commit::descriptor())));
  schemas->Add("Changes", list("changes", schemas->Of(*v1::Change::descriptor())));
  schemas->Add("Proxies", list("proxies", schemas->Of(*v1::ProxyStatus::descriptor())));
  const std::string resources = ArrayOf(schemas->Of(*v1::Resource::descriptor()));
  schemas->Add("Resources",
               Schemas::ObjectSchema(
                   {Member("generation", Type("integer")), Member("resources", resources)}, {}));
  const std::string key =
      Schemas::ObjectSchema({Member("kind", Type("string")), Member("name", Type("string"))}, {});
  schemas->Add(
      "Rollback",
      Schemas::ObjectSchema(
          {Member("generation", Type("integer")), Member("labels", ArrayOf(Type("string"))),
           Member("keys", ArrayOf(key)), Member("dry_run", Type("boolean")),
           Member("allow_skew", Type("boolean")), Member("expect", Type("integer")),
           Member("message", Type("string")), Member("author", Type("string"))},
          {QuoteJson("generation")}));
}

}  // namespace

std::string OpenApiDocument() {
  Schemas schemas;
  AddAnswers(&schemas);
  return Object({Member("openapi", QuoteJson("3.0.3")),
                 Member("info", Object({Member("title", QuoteJson("Sluice control plane")),
                                        Member("version", QuoteJson(kVersion))})),
                 Member("paths", Paths()),
                 Member("components", Object({Member("schemas", schemas.All())}))}) +
         "\n";
}

}  // namespace sluice::web
