// Which HTTP requests stand for which gRPC methods: google.api.http rules of a descriptor set.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/validate/transcoding/url_template.h"

namespace google::protobuf {
class FieldDescriptor;
class Message;
class MethodDescriptor;
}  // namespace google::protobuf

namespace sluice::validate {

// One way to call a method.
struct HttpBinding {
  std::string method;  // "GET"
  UrlTemplate path;
  // What the body of the request is: nothing, all of the message, or one field of it.
  enum class Body : uint8_t { kNone, kWhole, kField } body = Body::kNone;
  const google::protobuf::FieldDescriptor* body_field = nullptr;
  // What the body of the response is; null: all of the message.
  const google::protobuf::FieldDescriptor* response_field = nullptr;
  const google::protobuf::MethodDescriptor* rpc = nullptr;
  std::string grpc_path;                               // "/shop.Prices/Get"
  const google::protobuf::Message* request = nullptr;  // New() makes one to fill.
  const google::protobuf::Message* response = nullptr;
};

// Thread: immutable; what it hands out may be used by any. Lifetime: bindings live with it.
class HttpRules {
 public:
  // `descriptor_set`: a serialised FileDescriptorSet with all imports. INVALID_ARGUMENT says what
  // cannot be used: a set that does not parse or misses a file, a service that is not in it or has
  // no rule, a rule that cannot be followed.
  static absl::StatusOr<std::shared_ptr<const HttpRules>> Compile(
      absl::string_view descriptor_set, const std::vector<std::string>& services);
  ~HttpRules();
  HttpRules(const HttpRules&) = delete;
  HttpRules& operator=(const HttpRules&) = delete;

  // The binding for a normalised path without query, and the values of its variables; null if there
  // is none.
  const HttpBinding* Find(absl::string_view method, absl::string_view path,
                          UrlTemplate::Values& values) const;

  const std::vector<HttpBinding>& bindings() const { return bindings_; }

 private:
  struct Schema;

  HttpRules();
  absl::Status AddService(const std::string& name);

  std::unique_ptr<Schema> schema_;
  std::vector<HttpBinding> bindings_;
};

}  // namespace sluice::validate
