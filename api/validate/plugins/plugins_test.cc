// Every bound that the plugins' messages state: the last value within, the first outside.
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/resource/testing/parse.h"
#include "api/validate/plugins/limit_count.h"
#include "api/validate/plugins/registry.h"
#include "api/validate/resource.h"
#include "api/validate/testing/rows.h"
#include "api/validate/transcoding/testing/shop.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "sluice/plugins/v1/limit_count.pb.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::validate {
namespace {

// Rows with configurations of one plugin; fields that a problem names are those of the plugin.
void ExpectRowsOf(absl::string_view plugin, const std::vector<Row>& rows) {
  const std::string prefix = absl::StrCat("plugins.", plugin, ".");
  for (const Row& row : rows) {
    std::vector<std::string> lines = ProblemsOf(resource::ParseResource(
        absl::StrCat("kind: PluginSet\nname: a\nplugins: {", plugin, ": ", row.fields, "}\n")));
    for (std::string& line : lines) {
      if (absl::StartsWith(line, prefix)) line.erase(0, prefix.size());
    }
    EXPECT_EQ(absl::StrJoin(lines, " | "), row.problem) << row.fields.substr(0, 200);
  }
}

TEST(ConsumerRestrictionTest, Bounds) {
  const std::string nobody =
      "plugins.consumer_restriction: restricts nobody; want a consumer or consumer group in allow "
      "or deny";
  ExpectRowsOf("consumer_restriction",
               {{"{}", nobody},
                {"{allow: {}}", nobody},
                {"{allow: {consumers: [a]}}", ""},
                {"{deny: {consumer_groups: [a]}}", ""},
                {"{allow: {consumers: [" + Repeated(1024, "c#") + "]}}", ""},
                {"{allow: {consumers: [" + Repeated(1025, "c#") + "]}}",
                 "allow.consumers: too many names, got 1025; want 1024 at most"},
                {"{deny: {consumer_groups: [" + Repeated(1025, "c#") + "]}}",
                 "deny.consumer_groups: too many names, got 1025; want 1024 at most"}});
}

TEST(BodyLimitTest, Bounds) {
  ExpectRowsOf("body_limit",
               {{"{request: 0}", ""},
                {"{request: 1TiB}", ""},
                {"{}", "request: missing"},
                {"{request: 1025GiB}", "request: out of range, got 1025GiB; want 0 to 1TiB"}});
}

TEST(BufferingTest, Bounds) {
  ExpectRowsOf("buffering",
               {{"{request: 64MiB, response: 1}", ""},
                {"{}", "plugins.buffering: holds nothing back; want request or response"},
                {"{response: 65MiB}", "response: out of range, got 65MiB; want 0 to 64MiB"}});
}

TEST(CompressionTest, Bounds) {
  ExpectRowsOf(
      "compression",
      {{"{}", ""},
       {"{algorithms: [gzip, zstd], types: ['text/*', application/json], min_bytes: 1GiB, "
        "effort: 5}",
        ""},
       {"{types: ['*']}", ""},
       {"{algorithms: [gzip, gzip]}",
        "algorithms[1]: given twice; want each once, the preferred one first"},
       {"{types: ['text/html; charset=utf-8']}",
        "types[0]: no media type, got \"text/html; charset=utf-8\"; want TYPE/SUBTYPE without "
        "parameters, TYPE/* or \"*\""},
       {"{types: ['*/*']}",
        "types[0]: no media type, got \"*/*\"; want TYPE/SUBTYPE without parameters, TYPE/* or "
        "\"*\""},
       {"{effort: 0}", "effort: out of range, got 0; want 1 to 5"},
       {"{effort: 6}", "effort: out of range, got 6; want 1 to 5"},
       {"{types: [" + Repeated(65, "a/b#") + "]}",
        "types: too many types, got 65; want 64 at most"}});
}

TEST(CorsTest, Bounds) {
  const std::string want =
      "; want https://app.example.com, https://*.example.com, ~EXPRESSION, null or \"*\"";
  ExpectRowsOf(
      "cors",
      {{"{}", ""},
       {"{allow_origins: ['https://a.example:8443', 'https://*.a.example', 'null', "
        "'~https://.*', 'http://[::1]:80'], allow_credentials: true, max_age: 24h}",
        ""},
       {"{allow_origins: ['a.example']}", "allow_origins[0]: no origin, got \"a.example\"" + want},
       {"{allow_origins: ['https://a.example/']}",
        "allow_origins[0]: no origin, got \"https://a.example/\"" + want},
       {"{allow_origins: ['https://A.example']}",
        "allow_origins[0]: no origin, got \"https://A.example\"" + want},
       {"{allow_origins: ['https://a*.example']}",
        "allow_origins[0]: no origin, got \"https://a*.example\"" + want},
       {"{allow_credentials: true}",
        "allow_origins: every site could act as any user who is logged in; want those that may, by "
        "name"},
       {"{allow_origins: ['*'], expose_headers: ['*'], allow_credentials: true}",
        "allow_origins: every site could act as any user who is logged in; want those that may, by "
        "name | expose_headers: \"*\" means nothing to browsers with credentials; want those that "
        "may, by name"},
       {"{allow_headers: ['a b']}",
        "allow_headers[0]: not a header name, got \"a b\"; want letters, digits and hyphens, such "
        "as x-team"},
       {"{allow_methods: ['G T']}", "allow_methods[0]: no method, got \"G T\"; want GET and such"},
       {"{max_age: 1500ms}", "max_age: has a fraction of a second; want whole seconds"},
       {"{max_age: 25h}", "max_age: out of range, got 25h; want 0s to 24h"},
       {"{allow_origins: [" + Repeated(257, "'http://a#'") + "]}",
        "allow_origins: too many origins, got 257; want 256 at most"}});
}

TEST(DecompressionTest, Bounds) {
  ExpectRowsOf("decompression",
               {{"{}", ""},
                {"{max_bytes: 1GiB, max_ratio: 10000}", ""},
                {"{max_bytes: 1023}", "max_bytes: out of range, got 1023; want 1KiB to 1GiB"},
                {"{max_ratio: 0}", "max_ratio: out of range, got 0; want 1 to 10000"}});
}

TEST(FaultInjectionTest, Bounds) {
  ExpectRowsOf(
      "fault_injection",
      {{"{abort: {status: 200}}", ""},
       {"{delay: {duration: 60s, per_mille: 1}, headers: {x-a: '~b+'}}", ""},
       {"{from_headers: true}", ""},
       {"{}", "plugins.fault_injection: injects nothing; want delay, abort or from_headers"},
       {"{delay: {}}", "delay.duration: missing"},
       {"{abort: {per_mille: 1001}}",
        "abort.per_mille: out of range, got 1001; want 0 to 1000 | abort.status: missing"},
       {"{abort: {status: 199}}", "abort.status: out of range, got 199; want 200 to 599"},
       {"{delay: {duration: 61s}}", "delay.duration: out of range, got 1m1s; want 1ms to 1m"},
       {"{abort: {status: 500, body: " + std::string(65537, 'x') + "}}",
        "abort.body: too long, got 65537 bytes; want 65536 bytes at most"}});
}

TEST(GrpcJsonTest, Bounds) {
  const std::string shop = absl::StrCat("descriptor_set: ", kShop);
  ExpectRowsOf(
      "grpc_json",
      {{"{services: [shop.v1.Prices], " + shop + "}", ""},
       {"{services: [shop.v1.Prices], max_request_bytes: 64MiB, " + shop + "}", ""},
       {"{}", "descriptor_set: missing | services: missing"},
       {"{services: [a], descriptor_set: '!'}",
        "descriptor_set: no base64; want what `protoc --include_imports "
        "--descriptor_set_out=/dev/stdout FILES | base64` prints"},
       {"{services: [a.B], " + shop + "}", "descriptor_set: the descriptor set has no service a.B"},
       {"{services: [shop.v1.Prices], max_response_bytes: 65MiB, " + shop + "}",
        "max_response_bytes: out of range, got 65MiB; want 1 to 64MiB"}});
}

TEST(HeadersTest, Bounds) {
  const std::string nothing =
      "plugins.headers: changes nothing; want set, add or remove in request or response";
  ExpectRowsOf(
      "headers",
      {{"{}", nothing},
       {"{request: {}}", nothing},
       {"{request: {set: {a: '${client_ip} ${header.x-b} $$'}}, response: {add: {b: '${status}'}}}",
        ""},
       {"{request: {set: {a: '${status}'}}}",
        "request.set.a: ${status} has no value yet in a request; want it in a response only"},
       {"{request: {set: {a: '${clientip}'}}}",
        "request.set.a: no such variable, got \"${clientip}\", did you mean \"${client_ip}\"?"},
       {"{request: {set: {a b: c}}}",
        "request.set.a b: not a header name, got \"a b\"; want "
        "letters, digits and hyphens, such as x-team"},
       {"{request: {set: {A: b, a: c}}}",
        "request.set.a: given twice: case makes no difference in header names; want one of them"},
       {"{response: {remove: [Content-Length]}}",
        "response.remove[0]: belongs to framing or to the connection, and cannot be changed; want "
        "another header"},
       {"{request: {set: {Host: a}}}",
        "request.set.Host: cannot be changed here; want host of the "
        "plugin rewrite, or Upstream.host"},
       {"{request: {add: {" + Repeated(64, "h#: a") + "}, remove: [" + Repeated(64, "h#") + "]}}",
        ""},
       {"{request: {add: {" + Repeated(65, "h#: a") + "}}}",
        "request.add: too many headers, got 65; want 64 at most"},
       {"{request: {remove: [" + Repeated(65, "h#") + "]}}",
        "request.remove: too many names, got 65; want 64 at most"},
       {"{request: {set: {a: \"b\\r\\nc\"}}}",
        "request.set.a: not a header value, got \"b\\r\\nc\"; want no control characters"},
       {"{request: {set: {a: " + std::string(4097, 'b') + "}}}",
        "request.set.a: too long, got 4097 bytes; want 4096 bytes at most"}});
}

TEST(IpRestrictionTest, Bounds) {
  ExpectRowsOf(
      "ip_restriction",
      {{"{}",
        "plugins.ip_restriction: restricts nobody; want an address or CIDR range in allow or "
        "deny"},
       {"{allow: [10.0.0.0/8], deny: ['2001:db8::1']}", ""},
       {"{deny: [10.0.0.0/33]}",
        "deny[0]: has a prefix that is not a number from 0 to 32, got \"10.0.0.0/33\"; want "
        "\"10.0.0.0/32\" is this one address"},
       {"{allow: [" + Repeated(4096, "10.0.0.1") + "]}", ""},
       {"{allow: [" + Repeated(4097, "10.0.0.1") + "]}",
        "allow: too many ranges, got 4097; want 4096 at most"},
       {"{deny: [" + Repeated(4097, "10.0.0.1") + "]}",
        "deny: too many ranges, got 4097; want 4096 at most"},
       {"{deny: [10.0.0.1], message: " + std::string(4096, 'x') + "}", ""},
       {"{deny: [10.0.0.1], message: " + std::string(4097, 'x') + "}",
        "message: too long, got 4097 bytes; want 4096 bytes at most"}});
}

TEST(KeyAuthTest, Bounds) {
  ExpectRowsOf(
      "key_auth",
      {{"{}", ""},
       {"{header: X-Key, query: key, hide_credentials: false, realm: our api}", ""},
       {"{query: '-'}", ""},
       {"{header: 'a:b'}",
        "header: not a header name, got \"a:b\"; want letters, digits "
        "and hyphens, such as x-team"},
       {"{query: " + std::string(128, 'q') + "}", ""},
       {"{query: a b}", "query: not a name, got \"a b\"; want 1-128 visible ASCII characters"},
       {"{realm: " + std::string(128, 'r') + "}", ""},
       {"{realm: " + std::string(129, 'r') + "}",
        "realm: too long, got 129 bytes; want 128 bytes at most"},
       {"{realm: 'a\"b'}", "realm: has a quote or backslash; want neither"},
       {"{realm: \"a\\nb\"}",
        "realm: not plain text, got \"a\\nb\"; want no control "
        "characters"}});
}

TEST(LimitCountTest, Bounds) {
  ExpectRowsOf(
      "limit_count",
      {{"{count: 1, window: 1s}", ""},
       {"{count: 4294967295, window: 24h, key: 'header:X-User', algorithm: sliding, status: 400}",
        ""},
       {"{count: 1, window: 1s, key: all, status: 599, headers: false}", ""},
       {"{count: 1, window: 1s, key: consumer_group}", ""},
       {"{}", "count: missing | window: missing"},
       {"{count: 0, window: 1s}", "count: missing"},
       {"{count: 1, window: 999ms}", "window: out of range, got 999ms; want 1s to 24h"},
       {"{count: 1, window: 25h}", "window: out of range, got 25h; want 1s to 24h"},
       {"{count: 1, window: 1500ms}", "window: has a fraction of a second; want whole seconds"},
       {"{count: 1, window: 1s, key: ip}",
        "key: no such key, got \"ip\"; want client_ip, consumer, consumer_group, header:NAME or "
        "all"},
       {"{count: 1, window: 1s, key: 'header:'}",
        "key: not a header name, got \"\"; want letters, digits and hyphens, such as x-team"},
       {"{count: 1, window: 1s, status: 399}", "status: out of range, got 399; want 400 to 599"},
       {"{count: 1, window: 1s, status: 600}", "status: out of range, got 600; want 400 to 599"}});
}

TEST(RedirectTest, Bounds) {
  ExpectRowsOf("redirect",
               {{"{scheme: https, status: 308}", ""},
                {"{host: 'a.b:8443', path: '/x/y', strip_query: true}", ""},
                {"{}",
                 "plugins.redirect: redirects to the request's own address, for ever; want "
                 "scheme, host, path or strip_query"},
                {"{scheme: ftp}", "scheme: no such scheme, got \"ftp\"; want http or https"},
                {"{host: 'a b'}",
                 "host: not a host, got \"a b\"; want a name or IP address, with or "
                 "without a port"},
                {"{path: x}", "path: not a path, got \"x\"; want a \"/\" at its start"},
                {"{path: '/a?b'}",
                 "path: not a path, got \"/a?b\"; want visible ASCII characters "
                 "without ?, # and \\, others as %XX"},
                {"{path: '/{a-b}'}",
                 "path: braces that hold no capture, got \"{a-b}\"; want {NAME} "
                 "of the route's path, or {1} of its expression"},
                {"{scheme: http, status: 300}",
                 "status: not a redirect, got 300; want 301, 302, 303, 307 or 308"}});
}

TEST(RequestIdTest, Bounds) {
  ExpectRowsOf("request_id",
               {{"{}", ""},
                {"{header: X-Trace, accept: always, in_response: false}", ""},
                {"{header: 'x y'}",
                 "header: not a header name, got \"x y\"; want letters, digits "
                 "and hyphens, such as x-team"},
                {"{header: Connection}",
                 "header: belongs to framing or to the connection; want another header"},
                {"{header: Host}", "header: names the host of the request; want another header"}});
}

TEST(RespondTest, Bounds) {
  ExpectRowsOf(
      "respond",
      {{"{}", ""},
       {"{status: 200, body: ok, content_type: text/html, headers: {x-a: b}}", ""},
       {"{status: 599}", ""},
       {"{status: 199}", "status: out of range, got 199; want 200 to 599"},
       {"{status: 600}", "status: out of range, got 600; want 200 to 599"},
       {"{status: 204, body: a}", "body: not allowed with status 204; want no body"},
       {"{status: 304, body: a}", "body: not allowed with status 304; want no body"},
       {"{body: " + std::string(65536, 'x') + "}", ""},
       {"{body: " + std::string(65537, 'x') + "}",
        "body: too long, got 65537 bytes; want 65536 bytes at most"},
       {"{headers: {" + Repeated(32, "h#: a") + "}}", ""},
       {"{headers: {" + Repeated(33, "h#: a") + "}}",
        "headers: too many headers, got 33; want 32 at most"},
       {"{headers: {Transfer-Encoding: chunked}}",
        "headers.Transfer-Encoding: belongs to framing or to the connection; want another header"},
       {"{headers: {Content-Type: a}}",
        "headers.Content-Type: has a field of its own; want content_type"},
       {"{content_type: \"a\\nb\"}",
        "content_type: not a header value, got \"a\\nb\"; want no control characters"}});
}

TEST(RewriteTest, Bounds) {
  ExpectRowsOf(
      "rewrite",
      {{"{strip_prefix: /orders, host: internal}", ""},
       {"{path: '/x/{id}/{1}'}", ""},
       {"{}", "plugins.rewrite: changes nothing; want strip_prefix, path or host"},
       {"{strip_prefix: orders}",
        "strip_prefix: not a path, got \"orders\"; want a \"/\" at its start"},
       {"{strip_prefix: /orders/}",
        "strip_prefix: ends with a slash, got \"/orders/\"; want /orders"},
       {"{strip_prefix: '/{id}'}",
        "strip_prefix: captures have no meaning in it, got \"/{id}\"; want a path as it is"},
       {"{strip_prefix: /a, path: /b}",
        "path: replaces what strip_prefix would shorten; want one of the two"},
       {"{host: 'a/b'}",
        "host: not a host, got \"a/b\"; want a name or IP address, with or "
        "without a port"}});
}

TEST(RegistryTest, EveryPluginOfTheContractIsInItOnce) {
  std::set<std::string> names;
  for (const Plugin& plugin : Plugins()) {
    EXPECT_TRUE(names.insert(plugin.name).second) << plugin.name;
    EXPECT_EQ(FindPlugin(plugin.name), &plugin);
    EXPECT_NE(PhaseName(plugin.phase), "") << plugin.name;
    EXPECT_GE(plugin.since, 1u) << plugin.name;
  }
  EXPECT_EQ(FindPlugin("banana"), nullptr);
}

TEST(RegistryTest, NoPluginHasAFieldThatMeansItsRemoval) {
  for (const Plugin& plugin : Plugins()) {
    EXPECT_EQ(plugin.prototype->GetDescriptor()->FindFieldByName("disabled"), nullptr)
        << plugin.name;
  }
}

TEST(RegistryTest, OnlyPluginsThatAlwaysAnswerMakeAnUpstreamNeedless) {
  std::vector<std::string> names;
  for (const Plugin& plugin : Plugins()) {
    if (plugin.answers) names.push_back(plugin.name);
  }
  EXPECT_THAT(names, ::testing::ElementsAre("redirect", "respond"));
}

TEST(CheckStatusTest, HasTheProblemsOfAConfigurationByItself) {
  plugins::v1::LimitCount config;
  config.set_count(1);
  config.mutable_window()->set_seconds(1);
  EXPECT_TRUE(CheckStatus(config).ok());
  config.set_status(200);
  config.set_key("x");
  EXPECT_EQ(CheckStatus(config).message(),
            "key: no such key, got \"x\"; want client_ip, consumer, consumer_group, header:NAME or "
            "all; status: out of range, got 200; want 400 to 599");
}

}  // namespace
}  // namespace sluice::validate
