#include "api/resource/pack.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "api/validate/plugins/registry.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/message.h"

namespace sluice::resource {

void Pack(const google::protobuf::Message& config, google::protobuf::Any& any) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    config.SerializeToCodedStream(&coded);
  }
  any.set_type_url(absl::StrCat("type.googleapis.com/", config.GetDescriptor()->full_name()));
  any.set_value(std::move(bytes));
}

std::unique_ptr<google::protobuf::Message> Unpack(const google::protobuf::Any& any) {
  const validate::Plugin* plugin = validate::PluginOf(any);
  if (plugin == nullptr) return nullptr;
  std::unique_ptr<google::protobuf::Message> config(plugin->prototype->New());
  if (!config->ParseFromString(any.value())) return nullptr;
  return config;
}

}  // namespace sluice::resource
