// respond: answers with a fixed response.
//
// Configuration: api/sluice/plugins/v1/respond.proto. The request's body is not looked at, whatever
// its size.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class Respond;
}  // namespace v1

class Respond {
 public:
  struct Header {
    http::HeaderId id;
    std::string name;  // Lower case.
    std::string value;
  };

  struct Settings {
    int status = 200;
    std::vector<Header> headers;
    std::string body;
    std::string content_type;
  };

  explicit Respond(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream& stream);

 private:
  const Settings& settings_;
};

// INVALID_ARGUMENT names the field that cannot be used.
absl::StatusOr<Instance> MakeRespond(const v1::Respond& config);

}  // namespace sluice::plugins
