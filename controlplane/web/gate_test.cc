#include "controlplane/web/gate.h"

#include <gtest/gtest.h>

namespace sluice::web {
namespace {

int StatusOf(const Gate& gate, const Request& request) {
  const std::optional<Response> refusal = gate.Check(request);
  return refusal.has_value() ? refusal->status : 200;
}

Request Get(const std::string& host) {
  Request request;
  request.method = "GET";
  request.host = host;
  return request;
}

Request Post(const std::string& content_type) {
  Request request = Get("localhost");
  request.method = "POST";
  request.has_body = true;
  request.content_type = content_type;
  return request;
}

TEST(GateTest, OnlyKnownHostsAreServed) {
  const Gate gate("10.0.0.5", {"Sluice.Example"});
  for (const char* host : {"localhost", "localhost:9480", "127.0.0.1:9480", "[::1]:9480",
                           "LOCALHOST", "10.0.0.5:9480", "sluice.example", "SLUICE.example:443"}) {
    EXPECT_EQ(StatusOf(gate, Get(host)), 200) << host;
  }
  for (const char* host : {"", "evil.example", "10.0.0.6", "localhost.evil.example", "[::1",
                           "127.0.0.1.evil.example:9480", "::1"}) {
    EXPECT_EQ(StatusOf(gate, Get(host)), 403) << host;
  }
}

// A name may be pointed at us by anybody; a page whose address is a number is our own.
TEST(GateTest, OnAWildcardAddressEveryNumberIsKnownAndNoName) {
  const Gate gate("0.0.0.0", {});
  EXPECT_EQ(StatusOf(gate, Get("192.0.2.1:9480")), 200);
  EXPECT_EQ(StatusOf(gate, Get("[2001:db8::1]:9480")), 200);
  EXPECT_EQ(StatusOf(gate, Get("evil.example")), 403);
}

TEST(GateTest, ChangesNeedJson) {
  const Gate gate("127.0.0.1", {});
  EXPECT_EQ(StatusOf(gate, Post("application/json")), 200);
  EXPECT_EQ(StatusOf(gate, Post("Application/JSON; charset=utf-8")), 200);
  for (const char* type :
       {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
        "application/jsonp", "text/plain; application/json"}) {
    EXPECT_EQ(StatusOf(gate, Post(type)), 415) << type;
  }
}

TEST(GateTest, AnEmptyPostNeedsJsonToo) {
  Request request = Post("text/plain");
  request.has_body = false;
  EXPECT_EQ(StatusOf(Gate("127.0.0.1", {}), request), 415);
}

TEST(GateTest, ADeleteWithoutABodyNeedsNoContentType) {
  Request request = Get("localhost");
  request.method = "DELETE";
  EXPECT_EQ(StatusOf(Gate("127.0.0.1", {}), request), 200);
  request.has_body = true;
  EXPECT_EQ(StatusOf(Gate("127.0.0.1", {}), request), 415);
}

}  // namespace
}  // namespace sluice::web
