// Every bound that the contract states has its rows here: the last value within, the first outside.
#include "api/validate/resource.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "api/resource/testing/parse.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::validate {
namespace {

using resource::ParseResource;
using ::testing::ElementsAre;
using ::testing::StartsWith;

std::vector<std::string> ProblemsOf(const v1::Resource& resource) {
  std::vector<Problem> problems;
  CheckResource(resource, problems);
  resource::Sort(problems);
  std::vector<std::string> lines;
  for (Problem& problem : problems) {
    problem.kind = problem.name = "";
    lines.push_back(ToString(problem));
  }
  return lines;
}

// A resource of the kind with what it requires, and `fields`.
std::string With(absl::string_view kind, absl::string_view fields) {
  std::string yaml = absl::StrCat("kind: ", kind, "\nname: a\n", fields, "\n");
  const auto add_unless_given = [&](absl::string_view key, absl::string_view line) {
    const bool is_given =
        absl::StartsWith(fields, key) || absl::StrContains(fields, absl::StrCat("\n", key));
    if (!is_given) absl::StrAppend(&yaml, line, "\n");
  };
  if (kind == "Listener") add_unless_given("address:", "address: '0.0.0.0:80'");
  if (kind == "Service") add_unless_given("upstream:", "upstream: u");
  if (kind == "StreamRoute") add_unless_given("upstream:", "upstream: u");
  if (kind == "GlobalRule") add_unless_given("plugins:", "plugins: {request_id: {}}");
  return yaml;
}

std::string Repeated(int count, absl::string_view element) {
  std::vector<std::string> elements;
  for (int i = 0; i < count; ++i) {
    elements.push_back(absl::StrReplaceAll(element, {{"#", absl::StrCat(i)}}));
  }
  return absl::StrJoin(elements, ", ");
}

struct Row {
  std::string fields;
  std::string problem;  // Empty: valid.
};

void ExpectRows(absl::string_view kind, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    EXPECT_EQ(absl::StrJoin(ProblemsOf(ParseResource(With(kind, row.fields))), " | "), row.problem)
        << row.fields.substr(0, 200);
  }
}

TEST(ResourceTest, NamesLabelsAndDescriptionsHaveBounds) {
  const std::string name = "1-253 of [a-z0-9.-], a letter or digit at both ends";
  for (const auto& [text, is_valid] :
       std::vector<std::pair<std::string, bool>>{{"a", true},
                                                 {"a.b-9", true},
                                                 {std::string(253, 'a'), true},
                                                 {std::string(254, 'a'), false},
                                                 {"A", false},
                                                 {"-a", false},
                                                 {"a.", false},
                                                 {"a_b", false},
                                                 {"a/b", false},
                                                 {"ä", false}}) {
    v1::Resource resource;
    resource.mutable_plugin_set();
    resource.set_name(text);
    EXPECT_EQ(ProblemsOf(resource).empty(), is_valid) << text;
  }
  ExpectRows("PluginSet",
             {{"labels: {" + Repeated(64, "k#: v") + "}", ""},
              {"labels: {" + Repeated(65, "k#: v") + "}",
               "labels: too many labels, got 65; want 64 at most"},
              {"labels: {A_b./-9: ''}", ""},
              {"labels: {a b: c}",
               "labels.a b: not a label key, got \"a b\"; want 1-63 of [A-Za-z0-9_./-]"},
              {"labels: {a: " + std::string(253, 'x') + "}", ""},
              {"labels: {a: \"x\\ny\"}",
               "labels.a: not a label value, got \"x\\ny\"; want up to 253 characters without "
               "control characters"},
              {"description: " + std::string(4096, 'x'), ""},
              {"description: " + std::string(4097, 'x'),
               "description: too long, got 4097 bytes; want 4096 bytes at most"},
              {"namespace: shop",
               "namespace: namespaces do not exist yet; want the field left "
               "out"}});
}

TEST(ResourceTest, WithoutNameOrKindItIsNone) {
  EXPECT_THAT(ProblemsOf(v1::Resource()),
              ElementsAre("kind: missing; want the fields of one kind", "name: missing"));
}

TEST(ResourceTest, WhatABuildDoesNotKnowIsRefusedWhereverItStands) {
  v1::Resource resource = ParseResource(With("Listener", "limits: {headers: 5}"));
  resource.mutable_listener()
      ->mutable_limits()
      ->GetReflection()
      ->MutableUnknownFields(resource.mutable_listener()->mutable_limits())
      ->AddVarint(99, 1);
  resource.mutable_listener()->set_escaped_slashes(static_cast<v1::Listener::EscapedSlashes>(77));
  EXPECT_THAT(ProblemsOf(resource),
              ElementsAre("escaped_slashes: no such value, got number 77; want a value that this "
                          "build knows",
                          "limits: has fields that this build does not know; want a build that "
                          "knows them"));
}

TEST(ResourceTest, ADurationThatIsNotWellFormedIsRefused) {
  v1::Resource resource = ParseResource(With("Route", "upstream: u"));
  resource.mutable_route()->mutable_timeout()->set_seconds(1);
  resource.mutable_route()->mutable_timeout()->set_nanos(-5);
  EXPECT_THAT(ProblemsOf(resource),
              ElementsAre("timeout: not a well-formed duration; want seconds and nanoseconds of "
                          "one sign, in range"));
}

TEST(ListenerTest, Bounds) {
  const std::string address = "; want IP:PORT, such as 0.0.0.0:8080 or [::]:8080";
  ExpectRows(
      "Listener",
      {{"address: '0.0.0.0:1'", ""},
       {"address: '[::1]:65535'", ""},
       {"address: '0.0.0.0:65536'", "address: not an address, got \"0.0.0.0:65536\"" + address},
       {"address: '0.0.0.0:0'", "address: not an address, got \"0.0.0.0:0\"" + address},
       {"address: 'localhost:80'", "address: not an address, got \"localhost:80\"" + address},
       {"address: '::1:80'", "address: not an address, got \"::1:80\"" + address},
       {"address: ':80'", "address: not an address, got \":80\"; want 0.0.0.0:80 or [::]:80"},
       {"address: ''", "address: missing"},
       {"groups: [" + Repeated(64, "g#") + "]", ""},
       {"groups: [" + Repeated(65, "g#") + "]", "groups: too many names, got 65; want 64 at most"},
       {"groups: [a, a]", "groups[1]: given twice; want each name once"},
       {"groups: [A]",
        "groups[0]: not a name, got \"A\"; want 1-253 of [a-z0-9.-], a letter or "
        "digit at both ends"},
       {"client_address: {trusted_proxies: [10.0.0.0/8, '::1']}", ""},
       {"client_address: {trusted_proxies: [" + Repeated(256, "10.0.0.#") + "]}", ""},
       {"client_address: {trusted_proxies: [10.0.0.1/8]}",
        "client_address.trusted_proxies[0]: has bits set behind its prefix, got \"10.0.0.1/8\"; "
        "want \"10.0.0.0/8\""},
       {"client_address: {trusted_proxies: [" + Repeated(257, "10.0.0.1") + "]}",
        "client_address.trusted_proxies: too many ranges, got 257; want 256 at most"}});
}

TEST(ListenerTest, OfTheProxyProtocolThePeersMustBeNamed) {
  ExpectRows("Listener",
             {{"proxy_protocol: {trusted_sources: [10.0.0.0/8, '::/0']}", ""},
              {"proxy_protocol: {trusted_sources: ['::1'], mode: optional}", ""},
              {"proxy_protocol: {}", "proxy_protocol.trusted_sources: missing"},
              {"proxy_protocol: {trusted_sources: [lb.internal]}",
               "proxy_protocol.trusted_sources[0]: is neither an address nor a range, got "
               "\"lb.internal\"; want \"10.0.0.0/8\", \"192.0.2.1\" or \"2001:db8::/32\""},
              {"proxy_protocol: {trusted_sources: [" + Repeated(257, "10.0.0.1") + "]}",
               "proxy_protocol.trusted_sources: too many ranges, got 257; want 256 at most"}});
}

TEST(ListenerTest, WhatOnlyHttpReadsIsRefusedWithOtherProtocols) {
  const std::string meaning =
      ": has no meaning for this protocol; want protocol: http, or the field left out";
  ExpectRows(
      "Listener",
      {{"protocol: http\nhttp2: {}\nescaped_slashes: keep", ""},
       {"protocol: tcp\nlimits: {connections: 5}\ntimeouts: {header: 1s}", ""},
       {"protocol: tcp\ntls: {certificates: [a]}", ""},
       {"protocol: tls_passthrough\nproxy_protocol: {trusted_sources: ['::/0']}", ""},
       {"protocol: tcp\nhttp2: {}", "http2" + meaning},
       {"protocol: tcp\nescaped_slashes: keep\nheader_underscores: drop",
        "escaped_slashes" + meaning + " | header_underscores" + meaning},
       {"protocol: tls_passthrough\nclient_address: {}", "client_address" + meaning},
       {"protocol: tcp\ntls: {certificates: [a], forward_client_cert: {}}",
        "tls.forward_client_cert" + meaning},
       {"protocol: tls_passthrough\ntls: {certificates: [a]}",
        "tls: has no meaning where TLS passes through; want protocol: tcp, which ends TLS, or the "
        "field left out"}});
}

TEST(StreamRouteTest, Bounds) {
  ExpectRows(
      "StreamRoute",
      {{"", ""},
       {"server_names: [a.example, '*.b.example']\nclient_ips: [10.0.0.0/8]\nidle_timeout: 0s", ""},
       {"idle_timeout: 168h", ""},
       {"upstream: ''", "upstream: missing"},
       {"idle_timeout: 169h", "idle_timeout: out of range, got 169h; want 0s to 168h"},
       {"listeners: [A]",
        "listeners[0]: not a name, got \"A\"; want 1-253 of [a-z0-9.-], a letter or digit at both "
        "ends"},
       {"server_names: [" + Repeated(257, "a#.example") + "]",
        "server_names: too many names, got 257; want 256 at most"},
       {"client_ips: [" + Repeated(257, "10.0.0.1") + "]",
        "client_ips: too many ranges, got 257; want 256 at most"}});
  EXPECT_THAT(ProblemsOf(ParseResource(With("StreamRoute", "server_names: [a, 'a.*', 'A']"))),
              ElementsAre(StartsWith("server_names[1]: "), StartsWith("server_names[2]: ")));
  EXPECT_THAT(ProblemsOf(ParseResource(With("StreamRoute", "client_ips: [a]"))),
              ElementsAre(StartsWith("client_ips[0]: ")));
}

TEST(ListenerTest, BoundsOfTheAccessLog) {
  ExpectRows("Listener",
             {{"access_log: {path: /dev/stdout, template: '%REQ(A?B):9% %START_TIME% 100%%'}", ""},
              {"access_log: {}", "access_log.path: missing"},
              {"access_log: {path: a.log}",
               "access_log.path: not an absolute path, got \"a.log\"; want /a.log"},
              {"access_log: {path: /a, template: '" + std::string(4096, 'x') + "'}", ""},
              {"access_log: {path: /a, template: '" + std::string(4097, 'x') + "'}",
               "access_log.template: must have at most 4096 bytes, got 4097"},
              {"access_log: {path: /a, template: '%ROUT%'}",
               "access_log.template: at byte 1: no operator \"ROUT\"; did you mean ROUTE?"},
              {"access_log: {path: /a, format: json, template: x}",
               "access_log.template: has no meaning for json; want fields, or format: text"},
              {"access_log: {path: /a, fields: {a: b}}",
               "access_log.fields: has no meaning for text; want template, or format: json"},
              {"access_log: {path: /a, format: json, fields: {" + Repeated(64, "f#: b") + "}}", ""},
              {"access_log: {path: /a, format: json, fields: {" + Repeated(65, "f#: b") + "}}",
               "access_log.fields: must have at most 64 members, got 65"}});
}

TEST(ListenerTest, BoundsOfLimitsAndTimeouts) {
  ExpectRows(
      "Listener",
      {{"limits: {header_bytes: 1KiB}", ""},
       {"limits: {header_bytes: 1MiB}", ""},
       {"limits: {header_bytes: 1023}",
        "limits.header_bytes: out of range, got 1023; want 1KiB to 1MiB"},
       {"limits: {header_bytes: 1025KiB}",
        "limits.header_bytes: out of range, got 1025KiB; want 1KiB to 1MiB"},
       {"limits: {headers: 1}", ""},
       {"limits: {headers: 1000}", ""},
       {"limits: {headers: 0}", "limits.headers: out of range, got 0; want 1 to 1000"},
       {"limits: {headers: 1001}", "limits.headers: out of range, got 1001; want 1 to 1000"},
       {"limits: {body_bytes: 0}", ""},
       {"limits: {body_bytes: 1TiB}", ""},
       {"limits: {body_bytes: 2TiB}", "limits.body_bytes: out of range, got 2TiB; want 0 to 1TiB"},
       {"limits: {connections: 10000000}", ""},
       {"limits: {connections: 0}", "limits.connections: out of range, got 0; want 1 to 10000000"},
       {"limits: {connections: 10000001}",
        "limits.connections: out of range, got 10000001; want 1 to 10000000"},
       {"limits: {requests_per_connection: 1}", ""},
       {"limits: {requests_per_connection: 0}",
        "limits.requests_per_connection: out of range, got 0; want 1 to 18446744073709551615"},
       {"timeouts: {header: 100ms, idle: 100ms, body_grace: 1s, min_body_rate: 0}", ""},
       {"timeouts: {header: 1h, idle: 24h, body_grace: 1h, min_body_rate: 1GiB}", ""},
       {"timeouts: {header: 99ms}", "timeouts.header: out of range, got 99ms; want 100ms to 1h"},
       {"timeouts: {header: 1h1ms}", "timeouts.header: out of range, got 1h1ms; want 100ms to 1h"},
       {"timeouts: {idle: 99ms}", "timeouts.idle: out of range, got 99ms; want 100ms to 24h"},
       {"timeouts: {idle: 25h}", "timeouts.idle: out of range, got 25h; want 100ms to 24h"},
       {"timeouts: {body_grace: 999ms}",
        "timeouts.body_grace: out of range, got 999ms; want 1s to 1h"},
       {"timeouts: {body_grace: 2h}", "timeouts.body_grace: out of range, got 2h; want 1s to 1h"},
       {"timeouts: {min_body_rate: 2GiB}",
        "timeouts.min_body_rate: out of range, got 2GiB; want 0 to 1GiB"}});
}

TEST(ListenerTest, BoundsOfHttp2) {
  ExpectRows(
      "Listener",
      {{"http2: {disabled: true}", ""},
       {"http2: {max_concurrent_streams: 1, stream_window: 64KiB, connection_window: 64KiB}", ""},
       {"http2: {max_concurrent_streams: 10000, stream_window: 16MiB}", ""},
       {"http2: {max_concurrent_streams: 0}",
        "http2.max_concurrent_streams: out of range, got 0; want 1 to 10000"},
       {"http2: {stream_window: 17MiB}",
        "http2.stream_window: out of range, got 17MiB; want 64KiB to 16MiB"},
       {"http2: {connection_window: 63KiB}",
        "http2.connection_window: out of range, got 63KiB; want 64KiB to 64MiB"},
       {"http2: {max_cookies: 0}", "http2.max_cookies: out of range, got 0; want 1 to 1000"},
       {"http2: {control_frames: 99}",
        "http2.control_frames: out of range, got 99; want 100 to 100000"},
       {"http2: {resets: 9}", "http2.resets: out of range, got 9; want 10 to 100000"},
       {"http2: {flush_timeout: 999ms}",
        "http2.flush_timeout: out of range, got 999ms; want 1s to 1h"},
       {"http2: {ping_after: 0s, flush_timeout: 1h}", ""},
       {"http2: {ping_after: 2h}", "http2.ping_after: out of range, got 2h; want 0s to 1h"}});
}

TEST(UpstreamTest, Bounds) {
  const std::string hash_on = "header:NAME, cookie:NAME, query:NAME, path or client_ip";
  const std::string address =
      "; want IP:PORT or NAME:PORT, such as 10.0.0.1:8080, [2001:db8::1]:8080 or "
      "orders.internal:8080";
  ExpectRows(
      "Upstream",
      {{"endpoints: []", ""},
       {"endpoints: [{address: 'a.b:80', weight: 0}, {address: '[::1]:80', weight: 65535}]", ""},
       {"endpoints: [{address: 'a:80', weight: 65536}]",
        "endpoints[0].weight: out of range, got 65536; want 0 to 65535"},
       {"endpoints: [{weight: 1}]", "endpoints[0].address: missing"},
       {"endpoints: [{address: a.b}]",
        "endpoints[0].address: not an address, got \"a.b\"; want a port: a.b:80"},
       {"endpoints: [{address: 'http://a.b:80'}]",
        "endpoints[0].address: not an address, got \"http://a.b:80\"; want the host and the port "
        "alone, such as orders.internal:8080"},
       {"endpoints: [{address: '10.0.0.300:80'}]",
        "endpoints[0].address: not an address, got \"10.0.0.300:80\"" + address},
       {"endpoints: [{address: 'A.b:80'}, {address: 'a.B.:80'}]",
        "endpoints[1].address: the same as endpoints[0], got \"a.B.:80\"; want each address once, "
        "with the sum of the weights"},
       {"endpoints: [{address: '[::1]:80'}, {address: '[0:0::1]:80'}]",
        "endpoints[1].address: the same as endpoints[0], got \"[0:0::1]:80\"; want each address "
        "once, with the sum of the weights"},
       {"endpoints: [" + Repeated(4096, "{address: 'h#:80'}") + "]", ""},
       {"endpoints: [" + Repeated(4097, "{address: 'h#:80'}") + "]",
        "endpoints: too many endpoints, got 4097; want 4096 at most"},
       {"policy: hash\nhash_on: header:X-User", ""},
       {"policy: maglev\nhash_on: query:user id",
        "hash_on: not a name, got \"user id\"; want "
        "1-128 visible ASCII characters"},
       {"policy: maglev\nhash_on: path", ""},
       {"policy: hash\nhash_on: 'cookie:'",
        "hash_on: not a header name, got \"\"; want letters, "
        "digits and hyphens, such as x-team"},
       {"policy: hash", "hash_on: missing: the policy needs it; want " + hash_on},
       {"policy: maglev\nhash_on: body", "hash_on: nothing to hash, got \"body\"; want " + hash_on},
       {"hash_on: path",
        "hash_on: has no meaning for this policy; want policy: hash or maglev, or "
        "the field left out"},
       {"host: endpoint", ""},
       {"host: internal.example:8080", ""},
       {"host: 'a b'",
        "host: not a host, got \"a b\"; want preserve, endpoint, or a host with or without a port"},
       {"connect_timeout: 10ms\nidle_timeout: 100ms\nmax_idle_connections: 0", ""},
       {"connect_timeout: 60s\nidle_timeout: 24h\nmax_idle_connections: 65536", ""},
       {"endpoints: [{address: 'a:80', priority: 127, zone: eu-1a}]", ""},
       {"endpoints: [{address: 'a:80', priority: 128}]",
        "endpoints[0].priority: out of range, got 128; want 0 to 127"},
       {"endpoints: [{address: 'a:80', zone: 'eu 1'}]",
        "endpoints[0].zone: not a zone, got \"eu 1\"; want 1-63 of [A-Za-z0-9_./-]"},
       {"panic_threshold: 0%", ""},
       {"panic_threshold: 101%", "panic_threshold: no percentage, got \"101%\"; want 0% to 100%"},
       {"slow_start: {window: 1s, aggression: 0.1, min_weight: 1%}", ""},
       {"slow_start: {window: 1h, aggression: 10, min_weight: 100%}", ""},
       {"slow_start: {}", "slow_start.window: missing"},
       {"slow_start: {window: 61m}", "slow_start.window: out of range, got 1h1m; want 1s to 1h"},
       {"slow_start: {window: 30s, aggression: fast}",
        "slow_start.aggression: out of range, got \"fast\"; want 0.1 to 10"},
       {"slow_start: {window: 30s, min_weight: 0%}",
        "slow_start.min_weight: no percentage, got \"0%\"; want 1% to 100%"},
       {"policy: ip_hash\nslow_start: {window: 30s}",
        "slow_start: has no meaning for this policy; want policy: round_robin, least_request, "
        "random or ewma, or the field left out"},
       {"endpoints: [{address: 'a:80', labels: {version: v1}}]\n"
        "subsets: {selectors: [{labels: [version]}, {labels: [stage, version]}], "
        "fallback: default, default_subset: {version: v1}}",
        ""},
       {"endpoints: [{address: 'a:80', labels: {" + Repeated(17, "k#: v") + "}}]",
        "endpoints[0].labels: too many labels, got 17; want 16 at most"},
       {"endpoints: [{address: 'a:80', labels: {a b: c}}]",
        "endpoints[0].labels.a b: not a label key, got \"a b\"; want 1-63 of [A-Za-z0-9_./-]"},
       {"subsets: {}", "subsets.selectors: missing"},
       {"subsets: {selectors: [" + Repeated(9, "{labels: [k#]}") + "]}",
        "subsets.selectors: too many selectors, got 9; want 8 at most"},
       {"subsets: {selectors: [{labels: [" + Repeated(5, "k#") + "]}]}",
        "subsets.selectors[0].labels: too many labels, got 5; want 4 at most"},
       {"subsets: {selectors: [{labels: [a, a]}]}",
        "subsets.selectors[0].labels[1]: stands twice, got \"a\"; want each label once"},
       {"subsets: {selectors: [{labels: [a, b]}, {labels: [b, a]}]}",
        "subsets.selectors[1]: the same labels as another selector: a, b; want each set of labels "
        "once"},
       {"subsets: {selectors: [{labels: [a]}], fallback: default}",
        "subsets.default_subset: missing: the fallback needs it; want labels of a selector with "
        "values"},
       {"subsets: {selectors: [{labels: [a]}], fallback: default, default_subset: {b: c}}",
        "subsets.default_subset: of no selector, got b; want all labels of one of the selectors"},
       {"subsets: {selectors: [{labels: [a]}], fallback: any, default_subset: {a: b}}",
        "subsets.default_subset: has no effect with this fallback; want fallback: default, or the "
        "field left out"},
       {"zone_preference: {}", ""},
       {"zone_preference: {min_endpoints: 0}",
        "zone_preference.min_endpoints: out of range, got 0; want 1 to 4096"},
       {"policy: hash\nhash_on: path\nzone_preference: {}",
        "zone_preference: has no meaning for this policy; want policy: round_robin, "
        "least_request, random or ewma, or the field left out"},
       {"connect_timeout: 9ms", "connect_timeout: out of range, got 9ms; want 10ms to 1m"},
       {"connect_timeout: 61s", "connect_timeout: out of range, got 1m1s; want 10ms to 1m"},
       {"idle_timeout: 99ms", "idle_timeout: out of range, got 99ms; want 100ms to 24h"},
       {"idle_timeout: 25h", "idle_timeout: out of range, got 25h; want 100ms to 24h"},
       {"max_idle_connections: 65537",
        "max_idle_connections: out of range, got 65537; want 0 to 65536"}});
}

TEST(UpstreamTest, BreakersHaveBounds) {
  ExpectRows("Upstream", {{"breakers: {connections: 0, pending: 0, requests: 0, retries: 0}", ""},
                          {"breakers: {connections: 1000000, pending: 1000000, requests: 1000000, "
                           "retries: 1000000}",
                           ""},
                          {"breakers: {requests: 1000001}",
                           "breakers.requests: out of range, got 1000001; want 0 to 1000000"},
                          {"max_streams_per_connection: 1", ""},
                          {"max_streams_per_connection: 0",
                           "max_streams_per_connection: out of range, got 0; want 1 to 65536"}});
}

TEST(UpstreamTest, TheProxyProtocolIsForConnectionsOfOneClient) {
  ExpectRows("Upstream",
             {{"proxy_protocol: v1", ""},
              {"proxy_protocol: v2\nprotocol: http1", ""},
              {"proxy_protocol: v2\nprotocol: http2",
               "proxy_protocol: has no meaning for http2, whose connections are of several "
               "clients; want protocol: http1, or the field left out"}});
}

TEST(RetryTest, Bounds) {
  const std::string conditions =
      "; want connect_failure, refused_stream, reset, timeout, gateway_error, 5xx, a status from "
      "400 to 599, or grpc_cancelled, _deadline_exceeded, _internal, _resource_exhausted, "
      "_unavailable";
  ExpectRows(
      "Route",
      {{"retry: {}", ""},
       {"retry: {attempts: 1}", ""},
       {"retry: {attempts: 10, on: [5xx, '400', '599', grpc_unavailable], budget: 100%}", ""},
       {"retry: {attempts: 0}", "retry.attempts: out of range, got 0; want 1 to 10"},
       {"retry: {attempts: 11}", "retry.attempts: out of range, got 11; want 1 to 10"},
       {"retry: {on: [never]}", "retry.on[0]: no condition, got \"never\"" + conditions},
       {"retry: {on: ['399']}", "retry.on[0]: no condition, got \"399\"" + conditions},
       {"retry: {on: ['600']}", "retry.on[0]: no condition, got \"600\"" + conditions},
       {"retry: {on: [" + Repeated(33, "5xx") + "]}",
        "retry.on: too many conditions, got 33; want 32 at most"},
       {"retry: {per_try_timeout: 1ms}", ""},
       {"retry: {per_try_timeout: 0s}",
        "retry.per_try_timeout: out of range, got 0s; want 1ms to 24h"},
       {"retry: {budget: 101%}", "retry.budget: no percentage, got \"101%\"; want 0% to 100%"},
       {"retry: {budget: '20'}", "retry.budget: no percentage, got \"20\"; want 0% to 100%"},
       {"retry: {min_retries: 65537}",
        "retry.min_retries: out of range, got 65537; want 0 to 65536"},
       {"retry: {back_off: {base: 10ms, max: 10ms}}", ""},
       {"retry: {back_off: {base: 10ms, max: 9ms}}",
        "retry.back_off.max: out of range, got 9ms; want 10ms to 5m"},
       {"retry: {back_off: {base: 0s}}",
        "retry.back_off.base: out of range, got 0s; want 1ms to 1m"},
       {"retry: {hedge: true}",
        "retry.hedge: has no effect without per_try_timeout; want per_try_timeout: when the second "
        "attempt begins"}});
}

TEST(RouteTest, Bounds) {
  ExpectRows(
      "Route",
      {{"listeners: [" + Repeated(64, "l#") + "]", ""},
       {"listeners: [" + Repeated(65, "l#") + "]",
        "listeners: too many names, got 65; want 64 at most"},
       {"groups: [" + Repeated(65, "l#") + "]", "groups: too many names, got 65; want 64 at most"},
       {"hosts: [" + Repeated(256, "h#") + "]", ""},
       {"hosts: [" + Repeated(257, "h#") + "]", "hosts: too many hosts, got 257; want 256 at most"},
       {"hosts: [" + Repeated(64, "h#") + "]\npaths: [" + Repeated(64, "/p#") + "]", ""},
       {"hosts: [" + Repeated(64, "h#") + "]\npaths: [" + Repeated(65, "/p#") + "]",
        "paths: too many for 64 hosts, got 4160 pairs of host and path; want 4096 at most, or "
        "several routes"},
       {"paths: [" + Repeated(257, "/p#") + "]",
        "paths: too many paths, got 257; want 256 at most"},
       {"methods: [" + Repeated(33, "M#") + "]",
        "methods: too many methods, got 33; want 32 at most"},
       {"headers: {" + Repeated(33, "h#: a") + "}",
        "headers: too many headers, got 33; want 32 at most"},
       {"query: {" + Repeated(33, "h#: a") + "}",
        "query: too many parameters, got 33; want 32 at most"},
       {"cookies: {" + Repeated(33, "h#: a") + "}",
        "cookies: too many cookies, got 33; want 32 at most"},
       {"client_ips: [" + Repeated(257, "10.0.0.1") + "]",
        "client_ips: too many ranges, got 257; want 256 at most"},
       {"paths: ['/a/{id}/{id}']",
        "paths[0]: has two variables named \"id\", got \"/a/{id}/{id}\"; want a name for each"},
       {"paths: ['~(']", "paths[0]: missing ): (, got \"~(\"; want an RE2 expression after \"~\""},
       {"upstream: a\nservice: b",
        "service: given beside upstream; want one of upstream, upstreams and service"},
       {"subset: {version: v2, stage: 'header:X-Stage'}", ""},
       {"subset: {" + Repeated(5, "k#: v") + "}", "subset: too many labels, got 5; want 4 at most"},
       {"subset: {version: ''}", "subset.version: missing; want a value, or header:NAME"},
       {"subset: {version: 'header:a b'}",
        "subset.version: not a header name, got \"a b\"; want letters, digits and hyphens, such as "
        "x-team"},
       {"upstream: a\nupstreams: [{upstream: b}]",
        "upstreams: given beside upstream; want one of upstream, upstreams and service"},
       {"service: a\nupstreams: [{upstream: b}]",
        "upstreams: given beside service; want one of upstream, upstreams and service"},
       {"upstream: a\nmirrors: [{upstream: b, percent: 5%}, {upstream: c}]", ""},
       {"upstream: a\nmirrors: [" + Repeated(5, "{upstream: b#}") + "]",
        "mirrors: too many mirrors, got 5; want 4 at most"},
       {"upstream: a\nmirrors: [{percent: 5%}]", "mirrors[0].upstream: missing"},
       {"upstream: a\nmirrors: [{upstream: b, percent: 101%}]",
        "mirrors[0].percent: no percentage, got \"101%\"; want 0% to 100%"},
       {"upstream: a\nmirrors: [{upstream: b}, {upstream: b}]",
        "mirrors[1].upstream: given twice, got \"b\"; want each upstream once"},
       {"upstreams: [{upstream: a}]\nmirrors: [{upstream: a}]",
        "mirrors[0].upstream: serves the requests themselves, got \"a\"; want another upstream; it "
        "may have the same endpoints"},
       {"upgrades: [websocket, x-y.1]", ""},
       {"upgrades: [WebSocket]",
        "upgrades[0]: not a protocol to change to, got \"WebSocket\"; want a name in lower case, "
        "such as websocket, and not h2c"},
       {"upgrades: [websocket, h2c]",
        "upgrades[1]: not a protocol to change to, got \"h2c\"; want a name in lower case, such as "
        "websocket, and not h2c"},
       {"upgrades: [" + Repeated(9, "p#") + "]",
        "upgrades: too many upgrades, got 9; want 8 at most"},
       {"timeout: 0s\nidle_timeout: 0s\ntotal_timeout: 1ms", ""},
       {"timeout: 24h\nidle_timeout: 24h\ntotal_timeout: 24h", ""},
       {"timeout: -1s", "timeout: out of range, got -1s; want 0s to 24h"},
       {"timeout: 25h", "timeout: out of range, got 25h; want 0s to 24h"},
       {"idle_timeout: 25h", "idle_timeout: out of range, got 25h; want 0s to 24h"},
       {"total_timeout: 0s", "total_timeout: out of range, got 0s; want 1ms to 24h"},
       {"plugin_sets: [" + Repeated(16, "s#") + "]", ""},
       {"plugin_sets: [" + Repeated(17, "s#") + "]",
        "plugin_sets: too many names, got 17; want 16 at most"},
       {"plugin_order: [headers, rewrite]", ""},
       {"plugin_order: [header]",
        "plugin_order[0]: no such plugin, got \"header\"; want the name of a plugin"},
       {"plugin_order: [headers, headers]",
        "plugin_order[1]: given twice, got \"headers\"; want each plugin once"}});
}

TEST(RouteTest, ASplitHasBounds) {
  const std::string one = "upstreams: [{upstream: a}]\n";
  ExpectRows(
      "Route",
      {{"upstreams: [{upstream: a, weight: 1000000}, {upstream: b, weight: 0}]", ""},
       {"upstreams: [{upstream: a, weight: 1000001}]",
        "upstreams[0].weight: out of range, got 1000001; want 0 to 1000000"},
       {"upstreams: [" + Repeated(64, "{upstream: a#}") + "]", ""},
       {"upstreams: [" + Repeated(65, "{upstream: a#}") + "]",
        "upstreams: too many upstreams, got 65; want 64 at most"},
       {"upstreams: [{weight: 1}]", "upstreams[0].upstream: missing"},
       {"upstreams: [{upstream: a, weight: 0}]",
        "upstreams: nothing takes the requests that no when takes; want at least one without when "
        "whose weight is above 0"},
       {"upstreams: [{upstream: a, when: {headers: {x: a}}}, {upstream: a}]", ""},
       {"upstreams: [{upstream: a, when: {headers: {x: a}}}]",
        "upstreams: nothing takes the requests that no when takes; want at least one without when "
        "whose weight is above 0"},
       {"upstreams: [{upstream: a}, {upstream: a}]",
        "upstreams[1].upstream: has a weight already, got \"a\"; want each upstream once among "
        "those without when"},
       {"upstreams: [{upstream: a, weight: 1, when: {query: {x: a}}}, {upstream: b}]",
        "upstreams[0].weight: has no effect beside when; want one of the two, or an element for "
        "each"},
       {"upstreams: [{upstream: a, when: {}}, {upstream: b}]",
        "upstreams[0].when: asks for nothing; want headers, query or cookies, or the field left "
        "out for a share by weight"},
       {"upstreams: [{upstream: a, when: {cookies: {x: '~('}}}, {upstream: b}]",
        "upstreams[0].when.cookies.x: missing ): (, got \"~(\"; want an RE2 expression after "
        "\"~\""},
       {"upstreams: [{upstream: a, when: {headers: {" + Repeated(33, "h#: a") +
            "}}}, {upstream: b}]",
        "upstreams[0].when.headers: too many headers, got 33; want 32 at most"},
       {"sticky: {cookie: c}",
        "sticky: has no effect without upstreams; want upstreams to choose from"},
       {one + "sticky: {cookie: c, ttl: 1s, path: /a}", ""},
       {one + "sticky: {cookie: c, ttl: 9600h}", ""},
       {one + "sticky: {cookie: c, ttl: 9601h}",
        "sticky.ttl: out of range, got 9601h; want 1s to 9600h"},
       {one + "sticky: {ttl: 1s}", "sticky.cookie: missing"},
       {one + "sticky: {cookie: 'a=b'}",
        "sticky.cookie: no name of a cookie, got \"a=b\"; want letters, digits and hyphens, such "
        "as "
        "lane"},
       {one + "sticky: {cookie: c, path: 'a'}",
        "sticky.path: no path of a cookie, got \"a\"; want \"/\" and up to 1023 visible "
        "characters without \";\""},
       {one + "sticky: {cookie: c, path: '/;x'}",
        "sticky.path: no path of a cookie, got \"/;x\"; want \"/\" and up to 1023 visible "
        "characters without \";\""}});
}

TEST(RouteTest, ARewriteUsesOnlyCapturesThatTheRouteHas) {
  const std::string want = "; want a variable of `paths`, or the number of a group";
  ExpectRows("Route",
             {{"paths: ['/u/{id}/{rest*}']\nplugins: {rewrite: {path: '/{rest}/{id}'}}", ""},
              {"paths: ['~/(?P<a>x)/(y)']\nplugins: {redirect: {path: '/{a}/{1}/{2}'}}", ""},
              {"paths: ['/u/{id}']\nplugins: {rewrite: {path: '/{user}'}}",
               "plugins.rewrite.path: no path of the route has a capture \"user\"" + want},
              {"plugins: {redirect: {path: '/{1}'}}",
               "plugins.redirect.path: no path of the route has a capture \"1\"" + want}});
}

TEST(ServiceTest, Bounds) {
  ExpectRows("Service", {{"upstream: u", ""},
                         {"upstream: ''", "upstream: missing; want one of upstream and upstreams"},
                         {"upstream: ''\nupstreams: [{upstream: a}]\nsticky: {cookie: c}", ""},
                         {"upstream: u\nupstreams: [{upstream: a}]",
                          "upstreams: given beside upstream; want one of upstream and upstreams"},
                         {"plugins: {key_auth: {}}", ""}});
}

TEST(ConsumerTest, Bounds) {
  const std::string hash = std::string(64, 'a');
  ExpectRows(
      "Consumer",
      {{"credentials: {key_auth: [{key: s3cret}, {key: 'sha256:" + hash + "'}]}", ""},
       {"credentials: {key_auth: [{key: ''}]}", "credentials.key_auth[0].key: missing"},
       {"credentials: {key_auth: [{key: " + std::string(1024, 'k') + "}]}", ""},
       {"credentials: {key_auth: [{key: " + std::string(1025, 'k') + "}]}",
        "credentials.key_auth[0].key: too long, got 1025 bytes; want 1024 bytes at most"},
       {"credentials: {key_auth: [" + Repeated(64, "{key: k#}") + "]}", ""},
       {"credentials: {key_auth: [" + Repeated(65, "{key: k#}") + "]}",
        "credentials.key_auth: too many keys, got 65; want 64 at most"},
       {"credentials: {key_auth: [{key: s3cret}, {key: "
        "'sha256:1EC1C26B50D5D3C58D9583181AF8076655FE00756BF7285940BA3670F99FCBA0'}]}",
        "credentials.key_auth[1].key: the same as key_auth[0]; want each key once"},
       {"plugins: {limit_count: {count: 1, window: 1s}, headers: {request: {remove: [a]}}}", ""}});
}

TEST(ConsumerTest, HoldsNoPluginThatRunsBeforeItIsKnown) {
  const std::string problem =
      "plugins.key_auth: runs before the consumer is known, in the phase authenticate; want "
      "plugins of the phase authorize or later";
  ExpectRows("Consumer", {{"plugins: {key_auth: {}}", problem},
                          {"plugins: {key_auth: {disabled: true}}", problem}});
  ExpectRows("ConsumerGroup", {{"plugins: {key_auth: {}}", problem}});
}

TEST(GlobalRuleTest, AddsAtLeastOnePluginAndRemovesNone) {
  ExpectRows("GlobalRule", {{"plugins: {}", "plugins: missing"},
                            {"groups: [a]\nlisteners: [b]", ""},
                            {"plugins: {key_auth: {disabled: true}}",
                             "plugins.key_auth: a rule adds plugins and removes none; want the "
                             "plugin left out"}});
}

TEST(PluginsTest, EachHoldsTheConfigurationOfItsOwnPlugin) {
  v1::Resource resource = ParseResource(With("PluginSet", "plugins: {key_auth: {}}"));
  auto& plugins = *resource.mutable_plugin_set()->mutable_plugins();
  plugins["headers"] = plugins["key_auth"];
  plugins["keyauth"] = plugins["key_auth"];
  plugins["rewrite"].set_type_url("type.googleapis.com/sluice.plugins.v1.Rewrite");
  plugins["rewrite"].set_value("\xFF\xFF");
  plugins["respond"].set_type_url("type.googleapis.com/sluice.plugins.v1.Disabled");
  plugins["respond"].set_value("x");
  EXPECT_THAT(
      ProblemsOf(resource),
      ElementsAre("plugins.headers: holds something else, got "
                  "\"type.googleapis.com/sluice.plugins.v1.KeyAuth\"; want the configuration of "
                  "this plugin",
                  "plugins.keyauth: no such plugin, did you mean \"key_auth\"?",
                  "plugins.respond: has settings though it is disabled; want none",
                  "plugins.rewrite: its configuration cannot be parsed"));
}

// What a change of `after` alone says about a resource that was wrong before.
TEST(CheckChangeTest, WhatWasWrongBeforeIsAWarning) {
  const v1::Resource before = ParseResource(With("Route", "timeout: 25h"));
  v1::Resource after = before;
  after.mutable_route()->set_priority(1);
  after.mutable_route()->add_hosts("a b");
  std::vector<Problem> problems;
  CheckChange(before, after, problems);
  resource::Sort(problems);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].field, "hosts[0]");
  EXPECT_FALSE(problems[0].is_warning);
  EXPECT_EQ(problems[1].field, "timeout");
  EXPECT_TRUE(problems[1].is_warning);
}

TEST(CheckChangeTest, AnotherWrongValueIsAnError) {
  const v1::Resource before = ParseResource(With("Route", "timeout: 25h"));
  std::vector<Problem> problems;
  CheckChange(before, ParseResource(With("Route", "timeout: 26h")), problems);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_FALSE(problems[0].is_warning);
}

}  // namespace
}  // namespace sluice::validate
