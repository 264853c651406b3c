// Plugins take memory from the request's arena only.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "proxy/plugins/testing/fixed_request.h"

namespace {

long allocations = 0;

}  // namespace

void* operator new(size_t bytes) {
  ++allocations;
  void* memory = std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(bytes);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace sluice::plugins {
namespace {

// Of the third request: others have warmed up what is kept.
long AllocationsOf(FixedRequest& request, int status) {
  request.Compile();
  request.Run();
  request.Run();
  const long before = allocations;
  EXPECT_EQ(request.Run(), status);
  return allocations - before;
}

TEST(AllocationTest, ARequestThroughAllPluginsAllocatesNothing) {
  FixedRequest request;
  request.Add("request_id", "");
  request.Add("ip_restriction", "allow: '10.0.0.0/8'");
  request.Add("key_auth", "");
  request.Add("consumer_restriction", "allow {consumer_groups: 'gold'}");
  request.Add("limit_count", "count: 4294967295 window {seconds: 3600} key: 'header:x-tenant'");
  request.Add("rewrite", "path: '/v2/{id}' host: 'a'");
  request.Add("headers",
              "request {set {key: 'x' value: '${client_ip} ${query.page} ${header.accept}'}} "
              "response {add {key: 'y' value: '${status} ${consumer}'} remove: 'etag'}");
  EXPECT_EQ(AllocationsOf(request, 200), 0);
}

TEST(AllocationTest, ARefusalAllocatesNothing) {
  FixedRequest request;
  request.Add("limit_count", "count: 1 window {seconds: 86400} key: 'all'");
  EXPECT_EQ(AllocationsOf(request, 429), 0);
}

TEST(AllocationTest, ARedirectAllocatesNothing) {
  FixedRequest request;
  request.Add("redirect", "scheme: 'https' path: '/x/{id}'");
  EXPECT_EQ(AllocationsOf(request, 302), 0);
}

TEST(AllocationTest, AFixedAnswerAllocatesNothing) {
  FixedRequest request;
  request.Add("respond", "status: 404 body: 'gone' headers {key: 'a' value: 'b'}");
  EXPECT_EQ(AllocationsOf(request, 404), 0);
}

}  // namespace
}  // namespace sluice::plugins
