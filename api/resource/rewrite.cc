#include "api/resource/rewrite.h"

#include <memory>
#include <vector>

#include "api/resource/pack.h"
#include "api/resource/walk.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace sluice::resource {
namespace {

using google::protobuf::Any;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Rewrite = absl::FunctionRef<std::string(const std::string&)>;

void RewriteField(Message& message, const FieldDescriptor& field, Rewrite rewrite) {
  const Reflection& reflection = *message.GetReflection();
  if (!field.is_repeated()) {
    reflection.SetString(&message, &field, rewrite(reflection.GetString(message, &field)));
    return;
  }
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    reflection.SetRepeatedString(&message, &field, i,
                                 rewrite(reflection.GetRepeatedString(message, &field, i)));
  }
}

void RewritePlugin(Any& any, const FieldFinder& finder, Rewrite rewrite) {
  const std::unique_ptr<Message> config = Unpack(any);
  if (config == nullptr || !finder.Reaches(*config->GetDescriptor())) return;
  RewriteStrings(*config, finder, rewrite);
  Pack(*config, any);
}

void RewriteMessages(Message& message, const FieldDescriptor& field, const FieldFinder& finder,
                     Rewrite rewrite) {
  const Reflection& reflection = *message.GetReflection();
  if (!field.is_repeated()) {
    RewriteStrings(*reflection.MutableMessage(&message, &field), finder, rewrite);
    return;
  }
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    RewriteStrings(*reflection.MutableRepeatedMessage(&message, &field, i), finder, rewrite);
  }
}

}  // namespace

// Entries of maps are messages with a key and a value, so maps need nothing of their own.
void RewriteStrings(Message& message, const FieldFinder& finder, Rewrite rewrite) {
  if (message.GetDescriptor() == Any::descriptor()) {
    RewritePlugin(static_cast<Any&>(message), finder, rewrite);
    return;
  }
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (finder.Has(*field)) {
      RewriteField(message, *field, rewrite);
    } else if (field->message_type() != nullptr && finder.Reaches(*field->message_type())) {
      RewriteMessages(message, *field, finder, rewrite);
    }
  }
}

}  // namespace sluice::resource
