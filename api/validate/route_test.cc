// Bounds of routes, services and what they have in common: the last value within, the first
// outside.
#include <string>

#include "api/validate/testing/rows.h"
#include "gtest/gtest.h"

namespace sluice::validate {
namespace {

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
       {"upstream: a\nmirrors: [{upstream: b, subset: {v: 'header:x-v', w: '1'}}]", ""},
       {"upstream: a\nmirrors: [{upstream: b, subset: {v: ''}}]",
        "mirrors[0].subset.v: missing; want a value, or header:NAME"},
       {"upstream: a\nmirrors: [{upstream: b, subset: {" + Repeated(5, "k#: v") + "}}]",
        "mirrors[0].subset: too many labels, got 5; want 4 at most"},
       {"upstream: a\nmirrors: [{upstream: b}, {upstream: b}]",
        "mirrors[1].upstream: given twice, got \"b\"; want each upstream once"},
       {"upstreams: [{upstream: a}]\nmirrors: [{upstream: a}]",
        "mirrors[0].upstream: serves the requests themselves, got \"a\"; want another upstream; it "
        "may have the same endpoints"},
       {"upgrades: [websocket, x-y.1, irc/6.9]", ""},
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

}  // namespace
}  // namespace sluice::validate
