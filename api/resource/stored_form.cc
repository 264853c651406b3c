#include "api/resource/stored_form.h"

#include <memory>

#include "api/resource/credentials.h"
#include "api/resource/pack.h"
#include "api/resource/rules.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {
namespace {

using google::protobuf::Any;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

void PackAnew(Message& spec, const FieldDescriptor& plugins) {
  const google::protobuf::Reflection& reflection = *spec.GetReflection();
  const FieldDescriptor* value = plugins.message_type()->map_value();
  for (int i = 0; i < reflection.FieldSize(spec, &plugins); ++i) {
    Message& entry = *reflection.MutableRepeatedMessage(&spec, &plugins, i);
    Any& any = static_cast<Any&>(*entry.GetReflection()->MutableMessage(&entry, value));
    if (const std::unique_ptr<Message> config = Unpack(any)) Pack(*config, any);
  }
}

}  // namespace

void ToStoredForm(v1::Resource& resource) {
  HashCredentials(resource);
  const google::protobuf::Reflection& reflection = *resource.GetReflection();
  const FieldDescriptor* kind = reflection.GetOneofFieldDescriptor(
      resource, v1::Resource::descriptor()->FindOneofByName("spec"));
  if (kind == nullptr) return;
  Message& spec = *reflection.MutableMessage(&resource, kind);
  for (int i = 0; i < kind->message_type()->field_count(); ++i) {
    const FieldDescriptor& field = *kind->message_type()->field(i);
    if (IsPlugins(field)) PackAnew(spec, field);
  }
}

}  // namespace sluice::resource
