// Bounds of listeners and of the routes of connections that are not HTTP: the last value within,
// the first outside.
#include <string>

#include "api/resource/testing/parse.h"
#include "api/validate/testing/rows.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::validate {
namespace {

using resource::ParseResource;
using ::testing::ElementsAre;
using ::testing::StartsWith;

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

TEST(StreamRouteTest, Bounds) {
  ExpectRows(
      "StreamRoute",
      {{"", ""},
       {"server_names: [a.example, '*.b.example']\nclient_ips: [10.0.0.0/8]\nidle_timeout: 0s", ""},
       {"idle_timeout: 168h", ""},
       {"subset: {role: replica}", ""},
       {"subset: {" + Repeated(5, "k#: v") + "}", "subset: too many labels, got 5; want 4 at most"},
       {"subset: {role: ''}", "subset.role: missing; want a value"},
       {"subset: {role: 'header:x-role'}",
        "subset.role: has no meaning for connections, which have no headers; want a value"},
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

}  // namespace
}  // namespace sluice::validate
