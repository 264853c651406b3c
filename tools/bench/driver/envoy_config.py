"""Envoy's configuration for a site."""

from __future__ import annotations

import json
import pathlib

from . import certificates, machine
from .site import API_KEY, Site

_TYPE = "type.googleapis.com/"
_HTTP = "envoy.extensions.filters.http."


def _address(port: int) -> dict:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _filter(name: str, message: str, **fields) -> dict:
    return {"name": name, "typed_config": {"@type": _TYPE + message, **fields}}


def files(site: Site, port: int, upstream: int, home: pathlib.Path, tree: bool) -> dict[str, str]:
    admin, = machine.free_ports(1)
    config = {
        "node": {"id": "bench", "cluster": "bench"},
        "admin": {"address": _address(admin)},
        "static_resources": {
            "listeners": [_listener(site, port, home, tree)],
            "clusters": [_cluster(site, upstream)],
        },
    }
    if "metrics" not in site.features:
        config["stats_config"] = {"stats_matcher": {"reject_all": True}}
    return {"envoy.json": json.dumps(config, indent=1),
            "routes.json": json.dumps(route_file(site, tree, 0)), **certificates.files(site.tls)}


def _cluster(site: Site, upstream: int) -> dict:
    unlimited = {"max_connections": 100000, "max_pending_requests": 100000, "max_requests": 100000,
                 "max_retries": 100000}
    http2 = {} if not site.grpc else {"typed_extension_protocol_options": {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": _TYPE + "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}}}}}
    ejection = {} if not site.more_upstreams else {"outlier_detection": {
        "consecutive_5xx": 5, "base_ejection_time": "5s", "max_ejection_percent": 50}}
    return {
        **http2, **ejection,
        "name": "hairpin", "type": "STATIC",
        "connect_timeout": "0.25s" if site.more_upstreams else "5s",
        "circuit_breakers": {"thresholds": [unlimited]},
        "load_assignment": {"cluster_name": "hairpin", "endpoints": [
            {"lb_endpoints": [{"endpoint": {"address": _address(port)}}
                              for port in (upstream, *site.more_upstreams)]}]},
    }


def _listener(site: Site, port: int, home: pathlib.Path, tree: bool) -> dict:
    manager = {
        "stat_prefix": "bench", "codec_type": "HTTP2" if site.http2 else "HTTP1", "use_remote_address": True,
        "generate_request_id": "request_id" in site.features,
        "always_set_request_id_in_response": "request_id" in site.features,
        "normalize_path": True,
        # From a file, so that W17 can change it; it is read once otherwise.
        "rds": {"route_config_name": "bench", "config_source": {
            "resource_api_version": "V3",
            "path_config_source": {"path": str(home / "routes.json")}}},
        "http_filters": _filters(site),
    }
    if site.streams:
        manager["upgrade_configs"] = [{"upgrade_type": "websocket"}]
    if "access_log" in site.features:
        manager["access_log"] = [_filter(
            "envoy.access_loggers.file", "envoy.extensions.access_loggers.file.v3.FileAccessLog",
            path=str(home / "access.log"))]
    return {"name": "bench", "address": _address(port), "tcp_backlog_size": 4096,
            "filter_chains": [{**_tls(site, home), "filters": [_filter(
                "envoy.filters.network.http_connection_manager",
                "envoy.extensions.filters.network.http_connection_manager.v3."
                "HttpConnectionManager", **manager)]}]}


def _tls(site: Site, home: pathlib.Path) -> dict:
    if not site.tls:
        return {}
    certificate = {"certificate_chain": {"filename": str(home / "cert.pem")},
                   "private_key": {"filename": str(home / "key.pem")}}
    return {"transport_socket": _filter(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context={"tls_certificates": [certificate],
                            "alpn_protocols": ["h2" if site.http2 else "http/1.1"]})}


def _filters(site: Site) -> list[dict]:
    chain = []
    if "ip_restriction" in site.features:
        local = {"direct_remote_ip": {"address_prefix": "127.0.0.0", "prefix_len": 8}}
        chain.append(_filter("envoy.filters.http.rbac", _HTTP + "rbac.v3.RBAC", rules={
            "action": "ALLOW",
            "policies": {"local": {"permissions": [{"any": True}], "principals": [local]}}}))
    if "key_auth" in site.features:
        chain.append(_filter(
            "envoy.filters.http.api_key_auth", _HTTP + "api_key_auth.v3.ApiKeyAuth",
            credentials=[{"key": API_KEY, "client": "alice"}],
            key_sources=[{"header": "X-Api-Key"}]))
    if "limit" in site.features:
        always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
        bucket = {"max_tokens": 4_000_000_000, "tokens_per_fill": 4_000_000_000,
                  "fill_interval": "60s"}
        chain.append(_filter(
            "envoy.filters.http.local_ratelimit", _HTTP + "local_ratelimit.v3.LocalRateLimit",
            stat_prefix="limit", token_bucket=bucket, filter_enabled=always,
            filter_enforced=always))
    chain.append(_filter("envoy.filters.http.router", _HTTP + "router.v3.Router",
                         dynamic_stats=False, suppress_envoy_headers=True))
    return chain


def route_file(site: Site, tree: bool, version: int) -> dict:
    """The RDS document; `version` makes a different one of the same routes."""
    host = {"name": "all", "domains": ["*"]}
    if tree and site.routes:
        host["matcher"] = _matcher_tree(site)
    else:
        host["routes"] = _routes(site)
    config = {"@type": _TYPE + "envoy.config.route.v3.RouteConfiguration", "name": "bench",
              "virtual_hosts": [host]}
    if "headers" in site.features:
        config["request_headers_to_add"] = [_header("X-Env", "production")]
        config["request_headers_to_remove"] = ["X-Debug"]
        config["response_headers_to_add"] = [_header("X-Served-By", "bench")]
        config["response_headers_to_remove"] = ["X-Powered-By"]
    return {"version_info": str(version), "resources": [config]}


def _header(name: str, value: str) -> dict:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _routes(site: Site) -> list[dict]:
    if "rewrite" in site.features:
        return [{"match": {"prefix": "/api/"},
                 "route": {"cluster": "hairpin", "prefix_rewrite": "/"}}]
    if site.more_upstreams:
        # What may have been delivered is not sent again if it is a POST.
        post = {"name": ":method", "string_match": {"exact": "POST"}}
        return [{"match": {"prefix": "/", "headers": [post]},
                 "route": {"cluster": "hairpin", "retry_policy": _retry(
                     "connect-failure,refused-stream")}},
                {"match": {"prefix": "/"}, "route": {"cluster": "hairpin", "retry_policy": _retry(
                    "connect-failure,refused-stream,reset,gateway-error")}}]
    if not site.routes:
        return [{"match": {"prefix": "/"},
                 "route": {"cluster": "hairpin", "timeout": "0s"}}]
    routes = []
    for route in site.routes:
        match = {"exact": {"path": route.path},
                 "pattern": {"prefix": route.path.partition("{")[0]},
                 "regex": {"safe_regex": {"regex": route.path}}}[route.kind]
        routes.append({"match": match, "route": {"cluster": "hairpin"}})
    return routes


def _retry(conditions: str) -> dict:
    return {"retry_on": conditions, "num_retries": 3, "per_try_timeout": "0.25s",
            "host_selection_retry_max_attempts": 3,
            "retry_host_predicate": [_filter(
                "envoy.retry_host_predicates.previous_hosts",
                "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate")]}


def _matcher_tree(site: Site) -> dict:
    action = {"action": _filter("route", "envoy.config.route.v3.Route", match={"prefix": "/"},
                                route={"cluster": "hairpin"})}
    return {"matcher_tree": {
        "input": _filter("path", "envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
                         header_name=":path"),
        "prefix_match_map": {"map": {
            route.path.partition("{")[0]: action for route in site.routes}}}}
