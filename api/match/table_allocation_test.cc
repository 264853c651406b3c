// Counts what the general heap is asked for while requests are matched.
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "api/match/table.h"
#include "api/match/testing/test_request.h"

namespace {
std::atomic<int> allocations = 0;
}

void* operator new(size_t size) {
  ++allocations;
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace sluice::match {
namespace {

TEST(TableAllocationTest, MatchingAllocatesNothing) {
  const std::vector<RouteSpec> specs = {
      {.name = "exact", .hosts = {"a.example"}, .paths = {"/a/b"}},
      {.name = "pattern", .hosts = {"*.example"}, .paths = {"/{x}/{y}/{rest*}"}},
      {.name = "expression", .paths = {"~/v[0-9]+/(.*)[.]json"}},
      {.name = "predicates",
       .methods = {"GET", "PURGE"},
       .headers = {{"x-a", "~[a-z]+"}},
       .query = {{"q", "~a b.*"}},
       .cookies = {{"c", "1"}},
       .client_ips = {"10.0.0.0/8"}},
  };
  std::vector<Table::Route> routes;
  for (const RouteSpec& spec : specs) routes.push_back({*Compile(spec), 0});
  const Table table = Table().With({}, routes);
  const std::vector<TestRequest> requests = {
      {.host = "A.example:8080", .path = "/a/b"},
      {.host = "b.a.example", .path = "/a/b/c/d"},
      {.host = "other", .path = "/v1/some/where/file.json"},
      {.method = "PURGE",
       .host = "other",
       .path = "/x",
       .query = "x=1&q=a%20b+c",
       .client_ip = "10.1.1.1",
       .headers = {{"x-a", "abc"}, {"cookie", "b=2; c=1"}}},
      {.host = "other", .path = "/nothing"},
  };
  std::vector<RequestView> views;
  for (const TestRequest& request : requests) views.push_back(request.View());
  std::vector<std::string> served(requests.size());
  MatchResult result;
  Captures captures;
  // The first round lets RE2 build its automata.
  int before = 0;
  for (int round = 0; round < 2; ++round) {
    before = allocations;
    for (size_t i = 0; i < views.size(); ++i) {
      if (!table.Match(views[i], &result)) continue;
      if (round == 0) served[i] = std::string(result.spec->name());
      const bool is_pattern = served[i] == "pattern";
      if (is_pattern) ReadCaptures(result, views[i].path, &captures);
    }
  }
  EXPECT_EQ(allocations - before, 0);
  EXPECT_EQ(served, (std::vector<std::string>{"exact", "pattern", "expression", "predicates", ""}));
}

}  // namespace
}  // namespace sluice::match
