#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "api/resource/credentials.h"
#include "api/validate/bounds.h"
#include "api/validate/kinds.h"
#include "api/validate/plugin_map.h"
#include "sluice/v1/consumer.pb.h"
#include "sluice/v1/consumer_group.pb.h"
#include "sluice/v1/global_rule.pb.h"
#include "sluice/v1/plugin_set.pb.h"

namespace sluice::validate {
namespace {

constexpr int kMaxCredentials = 64;
constexpr size_t kMaxKeyBytes = 1024;
constexpr int kMaxNames = 64;

std::string Hashed(const std::string& key) {
  return resource::IsHashedCredential(key) ? absl::AsciiStrToLower(key)
                                           : resource::HashCredential(key);
}

void CheckCredentials(const v1::Consumer::Credentials& credentials, const Field& field) {
  CheckCount(field.At("key_auth"), credentials.key_auth_size(), kMaxCredentials, "keys");
  absl::flat_hash_map<std::string, int> first;
  for (int i = 0; i < credentials.key_auth_size(); ++i) {
    const std::string& key = credentials.key_auth(i).key();
    const Field element = field.At("key_auth", static_cast<size_t>(i));
    CheckLength(element.At("key"), key, kMaxKeyBytes);
    const auto [found, is_new] = first.emplace(Hashed(key), i);
    if (!is_new && !key.empty()) {
      element.At("key").Refuse(absl::StrCat("the same as key_auth[", found->second, "]"),
                               "each key once");
    }
  }
}

}  // namespace

void CheckConsumer(const v1::Consumer& consumer, const Field& field) {
  CheckCredentials(consumer.credentials(), field.At("credentials"));
  CheckPlugins(consumer.plugins(), field.At("plugins"), Phase::kAuthorize);
}

void CheckConsumerGroup(const v1::ConsumerGroup& group, const Field& field) {
  CheckPlugins(group.plugins(), field.At("plugins"), Phase::kAuthorize);
}

void CheckGlobalRule(const v1::GlobalRule& rule, const Field& field) {
  CheckNames(rule.groups(), kMaxNames, field, "groups");
  CheckNames(rule.listeners(), kMaxNames, field, "listeners");
  const Field plugins = field.At("plugins");
  CheckPlugins(rule.plugins(), plugins);
  for (const auto& [name, any] : rule.plugins()) {
    if (!IsDisabled(any)) continue;
    plugins.At(name).Refuse("a rule adds plugins and removes none", "the plugin left out");
  }
}

void CheckPluginSet(const v1::PluginSet& set, const Field& field) {
  CheckPlugins(set.plugins(), field.At("plugins"));
}

}  // namespace sluice::validate
