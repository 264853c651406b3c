#include "proxy/plugins/buffering/plugin.h"

#include <gtest/gtest.h>

#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/buffering.pb.h"

namespace sluice::plugins {
namespace {

TEST(BufferingTest, AsksForWhatItIsToldToHoldAndStreamsTheRest) {
  v1::Buffering config;
  config.set_request(7);
  const absl::StatusOr<Instance> instance = MakeBuffering(config);
  ASSERT_TRUE(instance.ok());
  EXPECT_EQ(instance->request_body.kind, BodyMode::Kind::kWhole);
  EXPECT_EQ(instance->request_body.max_bytes, 7u);
  EXPECT_EQ(instance->response_body.kind, BodyMode::Kind::kNone);
}

TEST(BufferingTest, ALongerRequestIsRefused) {
  PluginHarness h;
  h.Add(&MakeBuffering, "request: 5");
  h.Request("POST", "/", {}, {"123", "45"});
  EXPECT_EQ(h.request_body(), "12345");
  h.Request("POST", "/", {}, {"123", "456"});
  EXPECT_EQ(h.reply().status, 413);
}

}  // namespace
}  // namespace sluice::plugins
