// One usual request, again and again, through a chain: for benchmarks and for tests that count
// allocations. Costs nothing but the request itself; PluginHarness is the one for tests of plugins.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "proxy/net/buffer.h"
#include "proxy/plugins/chain.h"
#include "proxy/plugins/consumer.h"
#include "proxy/plugins/limit_count/counter_table.h"
#include "proxy/plugins/registry.h"
#include "proxy/plugins/testing/plugin_harness.h"

namespace sluice::plugins {

class FixedRequest {
 public:
  FixedRequest();

  // Adds a plugin of the route by name, configured in protobuf's text format.
  void Add(absl::string_view name, absl::string_view config);
  void Add(Element element) { elements_.push_back(std::move(element)); }
  // After the last Add().
  void Compile();

  // The whole way: states, request head, response head, log. Returns the status.
  int Run();

 private:
  SystemClock clock_;
  PluginHarness harness_;  // Knows how a consumer's key is kept.
  CounterTable counters_{clock_, {1, 2}};
  Registry registry_{counters_};
  net::BlockPool pool_{16 << 20};
  std::vector<Element> elements_;
  std::shared_ptr<const Chain> early_;
  std::shared_ptr<const Chain> late_;
  alignas(16) char memory_[8 << 10];
};

}  // namespace sluice::plugins
