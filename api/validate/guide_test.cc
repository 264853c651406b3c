// The YAML that the pages of docs/guide show is what the contract says:
//
//   ```yaml          begins with "kind:": resources; with a Listener among them a whole
//   configuration
//   ```yaml KIND     some fields of a resource of that kind
//
// Another word behind "yaml" is another format's name.
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api/resource/key.h"
#include "api/resource/yaml.h"
#include "api/validate/configuration.h"
#include "api/validate/resource.h"
#include "api/validate/transcoding/testing/shop.h"
#include "gtest/gtest.h"
#include "proxy/net/tls/testing/authority.h"

namespace sluice::validate {
namespace {

struct Block {
  std::string place;  // "docs/guide/tls.md:7"
  std::string what;   // Behind "yaml".
  std::string text;
};

std::vector<Block> BlocksOf(const std::string& path) {
  std::vector<Block> blocks;
  std::ifstream file(path);
  std::optional<Block> open;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    absl::string_view rest = line;
    if (open.has_value() && line == "```") {
      blocks.push_back(*std::exchange(open, std::nullopt));
    } else if (open.has_value()) {
      absl::StrAppend(&open->text, line, "\n");
    } else if (absl::ConsumePrefix(&rest, "```yaml")) {
      absl::ConsumePrefix(&rest, " ");
      open = Block{absl::StrCat(path, ":", number), std::string(rest), ""};
    }
  }
  EXPECT_FALSE(open.has_value()) << path;
  return blocks;
}

std::vector<Block> AllBlocks() {
  const std::vector<std::string>& arguments = ::testing::internal::GetArgvs();
  std::vector<Block> all;
  for (size_t i = 1; i < arguments.size(); ++i) {
    const std::vector<Block> blocks = BlocksOf(arguments[i]);
    all.insert(all.end(), blocks.begin(), blocks.end());
  }
  return all;
}

// Files that pages name are the reader's own.
resource::ReadOptions Reading(const Block& block) {
  static const net::tls::testing::Authority::Issued issued =
      net::tls::testing::Authority("guide").Issue(
          {.common_name = "guide", .names = {"DNS:shop.example"}});
  resource::ReadOptions options;
  options.file = block.place;
  options.resolve_secret = [](const resource::SecretSource& source) -> absl::StatusOr<std::string> {
    if (absl::EndsWith(source.name, ".b64")) return std::string(kShop);
    return absl::StrContains(source.name, "privkey") ? issued.key_pem : issued.chain_pem;
  };
  return options;
}

bool IsWhole(const resource::ReadResult& read) {
  for (const resource::SourcedResource& each : read.resources) {
    if (each.resource.has_listener()) return true;
  }
  return false;
}

// Where one of them refers to what another page has, each stands for itself.
std::vector<Problem> ProblemsOf(const resource::ReadResult& read) {
  if (IsWhole(read)) return ValidateConfiguration(read);
  std::vector<Problem> problems = read.problems;
  for (const resource::SourcedResource& each : read.resources) {
    CheckResource(each.resource, problems);
  }
  return problems;
}

TEST(GuideTest, ResourcesAreValidAndThoseWithAListenerAWholeConfiguration) {
  int whole = 0;
  for (const Block& block : AllBlocks()) {
    if (!block.what.empty()) continue;
    EXPECT_TRUE(absl::StartsWith(block.text, "kind: ")) << block.place;
    const resource::ReadResult read = resource::ReadYaml(block.text, Reading(block));
    for (const Problem& problem : ProblemsOf(read)) {
      ADD_FAILURE() << block.place << ": " << ToString(problem);
    }
    whole += IsWhole(read);
  }
  EXPECT_GE(whole, 12) << "the pages, or how they are read, have changed";
}

TEST(GuideTest, FieldsThatStandAloneAreOfTheKindThatIsNamed) {
  int fragments = 0;
  for (const Block& block : AllBlocks()) {
    if (block.what.empty() || !resource::ParseKind(block.what).has_value()) continue;
    ++fragments;
    const std::string text = absl::StrCat("kind: ", block.what, "\nname: a\n", block.text);
    for (const Problem& problem : resource::ReadYaml(text, Reading(block)).problems) {
      ADD_FAILURE() << block.place << ": " << ToString(problem);
    }
  }
  EXPECT_GE(fragments, 4) << "the pages, or how they are read, have changed";
}

}  // namespace
}  // namespace sluice::validate
