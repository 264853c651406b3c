#include "api/resource/private_keys.h"

#include <map>
#include <string>

#include "absl/strings/ascii.h"
#include "api/resource/credentials.h"
#include "api/resource/rewrite.h"
#include "api/resource/rules.h"
#include "api/resource/walk.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {
namespace {

const FieldFinder& Finder() {
  static const FieldFinder& finder = *new FieldFinder(&IsPrivateKey);
  return finder;
}

std::string Hidden(const std::string& key) {
  return key.empty() || IsHashedCredential(key) ? key : HashCredential(key);
}

}  // namespace

void HidePrivateKeys(v1::Resource& resource) { RewriteStrings(resource, Finder(), &Hidden); }

void RestorePrivateKeys(v1::Resource& resource, const v1::Resource& stored) {
  std::map<std::string, std::string> keys;
  v1::Resource copy = stored;
  RewriteStrings(copy, Finder(), [&keys](const std::string& key) {
    keys[Hidden(key)] = key;
    return key;
  });
  if (keys.empty()) return;
  RewriteStrings(resource, Finder(), [&keys](const std::string& key) {
    if (!IsHashedCredential(key)) return key;
    const auto known = keys.find(absl::AsciiStrToLower(key));
    return known != keys.end() ? known->second : key;
  });
}

}  // namespace sluice::resource
