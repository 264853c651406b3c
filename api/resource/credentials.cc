#include "api/resource/credentials.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api/resource/digest.h"
#include "api/resource/pack.h"
#include "api/resource/rules.h"
#include "api/resource/walk.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {
namespace {

using google::protobuf::Any;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr absl::string_view kPrefix = "sha256:";

std::string Hashed(const std::string& text) {
  if (text.empty()) return text;
  return IsHashedCredential(text) ? absl::AsciiStrToLower(text) : HashCredential(text);
}

void HashField(Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (!field.is_repeated()) {
    reflection.SetString(&message, &field, Hashed(reflection.GetString(message, &field)));
    return;
  }
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    reflection.SetRepeatedString(&message, &field, i,
                                 Hashed(reflection.GetRepeatedString(message, &field, i)));
  }
}

void HashMessage(Message& message, const FieldFinder& finder);

void HashPlugin(Any& any, const FieldFinder& finder) {
  const std::unique_ptr<Message> config = Unpack(any);
  if (config == nullptr || !finder.Reaches(*config->GetDescriptor())) return;
  HashMessage(*config, finder);
  Pack(*config, any);
}

void HashMessages(Message& message, const FieldDescriptor& field, const FieldFinder& finder) {
  const Reflection& reflection = *message.GetReflection();
  if (!field.is_repeated()) {
    HashMessage(*reflection.MutableMessage(&message, &field), finder);
    return;
  }
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    HashMessage(*reflection.MutableRepeatedMessage(&message, &field, i), finder);
  }
}

// Entries of maps are messages with a key and a value, so maps need nothing of their own.
void HashMessage(Message& message, const FieldFinder& finder) {
  if (message.GetDescriptor() == Any::descriptor()) {
    HashPlugin(static_cast<Any&>(message), finder);
    return;
  }
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (IsCredential(*field)) {
      HashField(message, *field);
    } else if (field->message_type() != nullptr && finder.Reaches(*field->message_type())) {
      HashMessages(message, *field, finder);
    }
  }
}

}  // namespace

std::string HashCredential(absl::string_view credential) {
  return absl::StrCat(kPrefix, ToHex(Sha256(credential)));
}

bool IsHashedCredential(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, kPrefix)) return false;
  return text.size() == 2 * kDigestBytes && FromHex(text).has_value();
}

void HashCredentials(v1::Resource& resource) {
  static const FieldFinder& finder = *new FieldFinder(&IsCredential);
  HashMessage(resource, finder);
}

}  // namespace sluice::resource
