// Bounds of upstreams: the last value within, the first outside. health_test.cc has those of health
// checks and outlier detection, certificate_test.cc those of TLS.
#include <string>

#include "api/validate/testing/rows.h"
#include "gtest/gtest.h"

namespace sluice::validate {
namespace {

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

}  // namespace
}  // namespace sluice::validate
