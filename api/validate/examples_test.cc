// Every configuration of examples/ is valid, and comes back from YAML and JSON as it was.
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "api/resource/digest.h"
#include "api/resource/files.h"
#include "api/resource/json.h"
#include "api/resource/key.h"
#include "api/resource/yaml.h"
#include "api/validate/configuration.h"
#include "api/validate/plugins/registry.h"
#include "google/protobuf/any.pb.h"
#include "gtest/gtest.h"
#include "proxy/net/tls/testing/authority.h"

namespace sluice::validate {
namespace {

// The files that the test was given, each a configuration.
std::vector<std::string> Files() {
  const std::vector<std::string>& arguments = ::testing::internal::GetArgvs();
  return {arguments.begin() + 1, arguments.end()};
}

// Files that examples name are the reader's own: here one certificate and its key stand for all.
resource::ReadOptions Reading() {
  static const net::tls::testing::Authority::Issued issued =
      net::tls::testing::Authority("example").Issue(
          {.common_name = "example", .names = {"DNS:shop.example.com"}});
  resource::ReadOptions options;
  options.resolve_secret = [](const resource::SecretSource& source) -> absl::StatusOr<std::string> {
    return absl::EndsWith(source.name, ".key") ? issued.key_pem : issued.chain_pem;
  };
  return options;
}

// Each file of examples/ itself, and all of a folder below it together.
std::vector<std::vector<std::string>> Configurations() {
  std::map<std::string, std::vector<std::string>> by_place;
  for (const std::string& file : Files()) {
    const std::string folder = std::filesystem::path(file).parent_path();
    by_place[folder == "examples" ? file : folder].push_back(file);
  }
  std::vector<std::vector<std::string>> configurations;
  for (auto& [place, files] : by_place) configurations.push_back(std::move(files));
  return configurations;
}

TEST(ExamplesTest, EachIsAValidConfiguration) {
  ASSERT_GE(Configurations().size(), 5u);
  for (const std::vector<std::string>& files : Configurations()) {
    for (const Problem& problem : ValidateConfiguration(resource::ReadPaths(files, Reading()))) {
      ADD_FAILURE() << ToString(problem);
    }
  }
}

TEST(ExamplesTest, EachComesBackAsItWas) {
  for (const resource::SourcedResource& source :
       resource::ReadPaths(Files(), Reading()).resources) {
    const std::string bytes = resource::Serialise(source.resource);
    const std::string yaml = resource::ToYaml(source.resource);
    const resource::ReadResult from_yaml = resource::ReadYaml(yaml);
    ASSERT_EQ(from_yaml.resources.size(), 1u) << yaml;
    EXPECT_EQ(resource::Serialise(from_yaml.resources[0].resource), bytes) << yaml;
    EXPECT_EQ(resource::ToYaml(from_yaml.resources[0].resource), yaml);
    const std::string json = resource::ToJson(source.resource);
    const resource::ReadResult from_json = resource::ReadJson(json);
    ASSERT_EQ(from_json.resources.size(), 1u) << json;
    EXPECT_EQ(resource::Serialise(from_json.resources[0].resource), bytes) << json;
  }
}

TEST(ExamplesTest, TogetherTheyShowEveryKindAndPlugin) {
  std::set<std::string> seen;
  for (const resource::SourcedResource& source :
       resource::ReadPaths(Files(), Reading()).resources) {
    seen.insert(std::string(resource::KindName(resource::KindOf(source.resource))));
    const std::string yaml = resource::ToYaml(source.resource);
    for (const Plugin& plugin : Plugins()) {
      if (yaml.find("\n  " + plugin.name + ":") != std::string::npos) seen.insert(plugin.name);
    }
  }
  for (resource::Kind kind : resource::kKinds) {
    EXPECT_TRUE(seen.count(std::string(resource::KindName(kind)))) << resource::KindName(kind);
  }
  for (const Plugin& plugin : Plugins()) EXPECT_TRUE(seen.count(plugin.name)) << plugin.name;
}

}  // namespace
}  // namespace sluice::validate
