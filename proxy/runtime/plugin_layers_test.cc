#include "proxy/runtime/plugin_layers.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "proxy/plugins/limit_count/counter_table.h"
#include "proxy/plugins/registry.h"
#include "sluice/plugins/v1/key_auth.pb.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::runtime {
namespace {

class CompileLayerTest : public ::testing::Test {
 protected:
  // The only problem of a route with this plugin.
  resource::Problem ProblemOf(const std::string& plugin, const plugins::v1::KeyAuth& config) {
    v1::Resource route;
    (*route.mutable_route()->mutable_plugins())[plugin].PackFrom(config);
    std::vector<resource::Problem> problems;
    CompileLayer(
        route.route().plugins(), {"Route", "orders"},
        [this](const std::string& name, const google::protobuf::Any& any,
               const plugins::Declaration& declaration) {
          return registry_.Make(name, any, declaration);
        },
        problems);
    return problems.size() == 1 ? problems[0] : resource::Problem();
  }

  ManualClock clock_;
  plugins::CounterTable counters_{clock_, {1, 2}, 64};
  plugins::Registry registry_{counters_};
};

TEST_F(CompileLayerTest, AFieldThatCannotBeUsedIsNamedByItsPathInTheResource) {
  plugins::v1::KeyAuth config;
  config.set_header("a b");
  const resource::Problem problem = ProblemOf("key_auth", config);
  EXPECT_EQ(problem.field, "plugins.key_auth.header");
  EXPECT_EQ(problem.problem, "is no header name, got \"a b\"");
}

TEST_F(CompileLayerTest, APluginThatThisBuildDoesNotHaveIsNamedAsAWhole) {
  const resource::Problem problem = ProblemOf("teapot", {});
  EXPECT_EQ(problem.kind, "Route");
  EXPECT_EQ(problem.name, "orders");
  EXPECT_EQ(problem.field, "plugins.teapot");
  EXPECT_EQ(problem.problem, "this build has no plugin \"teapot\"");
}

}  // namespace
}  // namespace sluice::runtime
