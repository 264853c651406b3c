// The rules are an extension of method options that this program was not built with: they are read
// from the options' unknown fields, by the numbers of google/api/annotations.proto and http.proto.
#include "api/validate/transcoding/http_rules.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/descriptor_database.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/unknown_field_set.h"

namespace sluice::validate {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

constexpr int kHttpExtension = 72295728;
// Of google.api.HttpRule.
constexpr int kGet = 2, kPut = 3, kPost = 4, kDelete = 5, kPatch = 6, kBody = 7, kCustom = 8;
constexpr int kAdditional = 11, kResponseBody = 12;
// Of google.api.CustomHttpPattern.
constexpr int kCustomKind = 1, kCustomPath = 2;
constexpr size_t kMaxBindings = 4096;

// As a rule has it.
struct RawRule {
  std::string method;
  std::string path;
  std::string body;
  std::string response_body;
  std::vector<RawRule> additional;
};

bool ParseUnknown(const UnknownField& field, UnknownFieldSet& out) {
  return field.type() == UnknownField::TYPE_LENGTH_DELIMITED &&
         out.ParseFromString(field.length_delimited());
}

std::string TextOf(const UnknownField& field) {
  return field.type() == UnknownField::TYPE_LENGTH_DELIMITED ? field.length_delimited() : "";
}

bool ReadCustom(const UnknownField& field, RawRule& rule) {
  UnknownFieldSet custom;
  if (!ParseUnknown(field, custom)) return false;
  for (int i = 0; i < custom.field_count(); ++i) {
    if (custom.field(i).number() == kCustomKind) rule.method = TextOf(custom.field(i));
    if (custom.field(i).number() == kCustomPath) rule.path = TextOf(custom.field(i));
  }
  return true;
}

// A further binding has no further ones of its own.
bool ReadRule(const UnknownFieldSet& fields, bool is_first, RawRule& rule) {
  static constexpr std::pair<int, const char*> kMethods[] = {
      {kGet, "GET"}, {kPut, "PUT"}, {kPost, "POST"}, {kDelete, "DELETE"}, {kPatch, "PATCH"}};
  for (int i = 0; i < fields.field_count(); ++i) {
    const UnknownField& field = fields.field(i);
    for (const auto& [number, method] : kMethods) {
      if (field.number() != number) continue;
      rule.method = method;
      rule.path = TextOf(field);
    }
    if (field.number() == kBody) rule.body = TextOf(field);
    if (field.number() == kResponseBody) rule.response_body = TextOf(field);
    if (field.number() == kCustom && !ReadCustom(field, rule)) return false;
    if (field.number() == kAdditional && is_first) {
      UnknownFieldSet inner;
      RawRule more;
      if (!ParseUnknown(field, inner) || !ReadRule(inner, false, more)) return false;
      rule.additional.push_back(std::move(more));
    }
  }
  return true;
}

// The type of the field that a path such as "book.author.id" leads to; null if there is none.
const FieldDescriptor* FindField(const Descriptor& message, absl::string_view path) {
  const Descriptor* type = &message;
  for (;;) {
    const size_t dot = path.find('.');
    const FieldDescriptor* field = type->FindFieldByName(std::string(path.substr(0, dot)));
    if (field == nullptr || dot == absl::string_view::npos) return field;
    if (field->is_repeated() || field->message_type() == nullptr) return nullptr;
    type = field->message_type();
    path.remove_prefix(dot + 1);
  }
}

absl::Status Error(const MethodDescriptor& rpc, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(rpc.full_name(), ": ", problem));
}

class Problems final : public google::protobuf::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& file, const std::string& element,
                const google::protobuf::Message*, ErrorLocation, const std::string& message) final {
    if (first_.empty()) first_ = absl::StrCat(file, ": ", element, ": ", message);
  }
  const std::string& first() const { return first_; }

 private:
  std::string first_;
};

}  // namespace

struct HttpRules::Schema {
  google::protobuf::SimpleDescriptorDatabase files;
  Problems problems;
  google::protobuf::DescriptorPool pool{&files, &problems};
  google::protobuf::DynamicMessageFactory messages{&pool};
};

namespace {

absl::StatusOr<HttpBinding> MakeBinding(const RawRule& rule, const MethodDescriptor& rpc) {
  HttpBinding binding;
  if (rule.method.empty() || rule.path.empty()) return Error(rpc, "its rule has no pattern");
  if (rpc.client_streaming()) return Error(rpc, "takes a stream, which one request is not");
  binding.method = rule.method;
  binding.rpc = &rpc;
  binding.grpc_path = absl::StrCat("/", rpc.service()->full_name(), "/", rpc.name());
  if (const auto flaw = binding.path.Parse(rule.path)) return Error(rpc, flaw->problem);
  for (const std::string& name : binding.path.fields()) {
    const FieldDescriptor* field = FindField(*rpc.input_type(), name);
    if (field == nullptr || field->is_repeated() ||
        field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return Error(rpc, absl::StrCat("its path needs a field ", name, " of one plain value"));
    }
  }
  if (rule.body == "*") {
    binding.body = HttpBinding::Body::kWhole;
  } else if (!rule.body.empty()) {
    binding.body = HttpBinding::Body::kField;
    binding.body_field = rpc.input_type()->FindFieldByName(rule.body);
    if (binding.body_field == nullptr || binding.body_field->is_repeated() ||
        binding.body_field->message_type() == nullptr) {
      return Error(rpc, absl::StrCat("its body needs a field ", rule.body, " of one message"));
    }
  }
  if (!rule.response_body.empty()) {
    binding.response_field = rpc.output_type()->FindFieldByName(rule.response_body);
    if (binding.response_field == nullptr || binding.response_field->is_repeated() ||
        binding.response_field->message_type() == nullptr) {
      return Error(rpc, absl::StrCat("its response_body needs a field ", rule.response_body,
                                     " of one message"));
    }
  }
  return binding;
}

}  // namespace

HttpRules::HttpRules() : schema_(std::make_unique<Schema>()) {}
HttpRules::~HttpRules() = default;

absl::Status HttpRules::AddService(const std::string& name) {
  const auto* service = schema_->pool.FindServiceByName(name);
  if (service == nullptr) {
    return absl::InvalidArgumentError(
        schema_->problems.first().empty()
            ? absl::StrCat("the descriptor set has no service ", name)
            : absl::StrCat("the descriptor set cannot be used: ", schema_->problems.first()));
  }
  const size_t before = bindings_.size();
  for (int i = 0; i < service->method_count(); ++i) {
    const MethodDescriptor& rpc = *service->method(i);
    const UnknownFieldSet& options = rpc.options().GetReflection()->GetUnknownFields(rpc.options());
    for (int j = 0; j < options.field_count(); ++j) {
      if (options.field(j).number() != kHttpExtension) continue;
      UnknownFieldSet fields;
      RawRule rule;
      if (!ParseUnknown(options.field(j), fields) || !ReadRule(fields, true, rule)) {
        return Error(rpc, "its rule cannot be read");
      }
      std::vector<RawRule> all = std::move(rule.additional);
      all.insert(all.begin(), std::move(rule));
      for (const RawRule& one : all) {
        ASSIGN_OR_RETURN(HttpBinding binding, MakeBinding(one, rpc));
        binding.request = schema_->messages.GetPrototype(rpc.input_type());
        binding.response = schema_->messages.GetPrototype(rpc.output_type());
        bindings_.push_back(std::move(binding));
      }
    }
  }
  if (bindings_.size() == before) {
    return absl::InvalidArgumentError(
        absl::StrCat("the service ", name, " has no method with a google.api.http rule"));
  }
  if (bindings_.size() > kMaxBindings) return absl::InvalidArgumentError("too many rules");
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const HttpRules>> HttpRules::Compile(
    absl::string_view descriptor_set, const std::vector<std::string>& services) {
  google::protobuf::FileDescriptorSet set;
  if (!set.ParseFromArray(descriptor_set.data(), static_cast<int>(descriptor_set.size())) ||
      set.file().empty()) {
    return absl::InvalidArgumentError(
        "no descriptor set: protoc makes one with "
        "--include_imports --descriptor_set_out");
  }
  auto rules = std::shared_ptr<HttpRules>(new HttpRules());
  std::set<std::string> names;
  for (const auto& file : set.file()) {
    if (!names.insert(file.name()).second || !rules->schema_->files.Add(file)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the descriptor set has ", file.name(), " twice"));
    }
  }
  for (const std::string& service : services) RETURN_IF_ERROR(rules->AddService(service));
  std::stable_sort(rules->bindings_.begin(), rules->bindings_.end(),
                   [](const HttpBinding& a, const HttpBinding& b) {
                     return a.path.literals() > b.path.literals();
                   });
  return std::shared_ptr<const HttpRules>(std::move(rules));
}

const HttpBinding* HttpRules::Find(absl::string_view method, absl::string_view path,
                                   UrlTemplate::Values& values) const {
  for (const HttpBinding& binding : bindings_) {
    if (binding.method != method) continue;
    if (auto found = binding.path.Match(path)) {
      values = *std::move(found);
      return &binding;
    }
  }
  return nullptr;
}

}  // namespace sluice::validate
