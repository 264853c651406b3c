// key_auth: admits requests that carry the key of a consumer.
//
// Configuration: api/sluice/plugins/v1/key_auth.proto. Looks at heads only; bodies of any size pass
// untouched.
//
// A request without a key is answered 401 "key_auth_missing", one with a key of nobody 401
// "key_auth_unknown"; both alike to the client but for that word.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class KeyAuth;
}  // namespace v1

class KeyAuth {
 public:
  struct Settings {
    std::string header;  // Lower case.
    http::HeaderId header_id;
    std::string query;      // Empty: keys are not looked for there.
    std::string challenge;  // Value of WWW-Authenticate.
    bool hides_credentials = true;
  };

  explicit KeyAuth(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream& stream);

 private:
  absl::string_view FindKey(Stream& stream) const;
  void Hide(http::RequestHead& request) const;
  Action Refuse(Stream& stream, const char* details) const;

  const Settings& settings_;
};

// INVALID_ARGUMENT names the field that cannot be used.
absl::StatusOr<Instance> MakeKeyAuth(const v1::KeyAuth& config);

}  // namespace sluice::plugins
