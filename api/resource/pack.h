// Plugin configurations in and out of google.protobuf.Any.
#pragma once

#include <memory>

namespace google::protobuf {
class Any;
class Message;
}  // namespace google::protobuf

namespace sluice::resource {

// Puts `config` into `any`, with the same bytes for equal messages.
void Pack(const google::protobuf::Message& config, google::protobuf::Any& any);

// The configuration in `any`, of the type of its plugin (api/validate/plugins/registry.h); null if
// no plugin has that type or its bytes cannot be parsed.
std::unique_ptr<google::protobuf::Message> Unpack(const google::protobuf::Any& any);

}  // namespace sluice::resource
