"""The PROXY protocol: who the client is, said by a load balancer in front, and to an upstream."""

import socket
import ssl
import subprocess
import tempfile
import unittest

from harness.h2 import PREFACE, SETTINGS, Http2Client, frame
from harness.process import Proxy, Process, free_port, wait_until
from harness.raw import Client, Server, header_of
from harness.tls import Authority

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
TEMPLATE = "%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %RESPONSE_CODE%"

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
access_log: {path: %(log)s, template: "%(template)s"}
%(listener)s
---
kind: Upstream
name: up
endpoints: [{address: "127.0.0.1:%(up)d"}]
%(upstream)s
---
kind: Route
name: all
upstream: up
%(route)s
"""

REQUIRED = "proxy_protocol: {trusted_sources: [127.0.0.0/8]}"
OPTIONAL = "proxy_protocol: {mode: optional, trusted_sources: [127.0.0.0/8]}"
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def v1(address="192.0.2.1", port=4711):
    return b"PROXY TCP4 %s 198.51.100.7 %d 443\r\n" % (address.encode(), port)


def v2(address="192.0.2.1", port=4711, command=0x21, rest=b""):
    body = (socket.inet_aton(address) + socket.inet_aton("198.51.100.7") +
            port.to_bytes(2, "big") + (443).to_bytes(2, "big") + rest)
    return SIGNATURE + bytes([command, 0x11]) + len(body).to_bytes(2, "big") + body


def tlv(kind, value):
    return bytes([kind]) + len(value).to_bytes(2, "big") + value


class Case(unittest.TestCase):
    def setUp(self):
        self.log = tempfile.NamedTemporaryFile(mode="r", suffix=".log")
        self.addCleanup(self.log.close)

    def config(self, up, listener="", upstream="", route="", template=TEMPLATE):
        return CONFIG % {"log": self.log.name, "up": up.port, "listener": listener,
                         "upstream": upstream, "route": route, "template": template}

    def start(self, up, listener="", more="", **options):
        proxy = Proxy(self.config(up, listener, **options) + more)
        self.addCleanup(proxy.stop)
        return proxy

    def next_line(self):
        return wait_until(self.log.readline, "a line in the log")

    def server(self, serve=None):
        server = Server(serve)
        self.addCleanup(server.close)
        return server

    def connect(self, port):
        client = Client(port)
        self.addCleanup(client.close)
        return client

    def rejected(self, proxy, reason):
        """How often a connection was refused for it."""
        return proxy.metric('sluice_connections_rejected_total{reason="%s"}' % reason)


class FromABalancerTest(Case):
    def test_the_client_is_who_the_header_names(self):
        up = self.server()
        proxy = self.start(up, REQUIRED)
        for header in (v1(), v2(), v2(rest=tlv(2, b"a") + tlv(4, b"x" * 65000))):
            client = self.connect(proxy.port).send(header + REQUEST)
            self.assertEqual(client.response().status, 200)
            self.assertEqual(header_of(up.requests[-1], "x-forwarded-for"), "192.0.2.1")
            self.assertEqual(self.next_line(), "192.0.2.1:4711 198.51.100.7:443 200\n")

    def test_all_requests_of_the_connection_are_of_this_client(self):
        proxy = self.start(self.server(), REQUIRED, route="client_ips: [192.0.2.0/24]")
        client = self.connect(proxy.port).send(v1())
        for _ in range(3):
            self.assertEqual(client.send(REQUEST).response().status, 200)
        other = self.connect(proxy.port).send(v1("203.0.113.9") + REQUEST)
        self.assertEqual(other.response().status, 404)

    def test_a_balancer_that_speaks_for_itself_is_the_client(self):
        up = self.server()
        proxy = self.start(up, REQUIRED)
        for header in (b"PROXY UNKNOWN\r\n", v2(command=0x20)):
            client = self.connect(proxy.port).send(header + REQUEST)
            self.assertEqual(client.response().status, 200)
            self.assertEqual(header_of(up.requests[-1], "x-forwarded-for"), "127.0.0.1")

    def test_a_connection_without_a_header_is_closed_and_counted(self):
        up = self.server()
        proxy = self.start(up, REQUIRED)
        for first in (REQUEST, b"PROXY TCP4 nobody\r\n" + REQUEST, v2(command=0x31), b"\x16\x03\x01",
                      v2(rest=tlv(3, b"\0\0\0\0")) + REQUEST, v2(rest=b"\x02\0\x09") + REQUEST):
            self.assertTrue(self.connect(proxy.port).send(first).is_closed())
        wait_until(lambda: self.rejected(proxy, "proxy_header") == 6, "six rejections")
        self.assertEqual(up.connections, 0)

    def test_who_may_not_name_a_client_is_refused(self):
        up = self.server()
        proxy = self.start(up, "proxy_protocol: {trusted_sources: [192.0.2.0/24]}")
        self.assertTrue(self.connect(proxy.port).is_closed())
        wait_until(lambda: self.rejected(proxy, "proxy_source") == 1, "a rejection")
        self.assertEqual(up.connections, 0)

    def test_a_header_that_does_not_come_is_not_waited_for(self):
        proxy = self.start(self.server(), REQUIRED + "\ntimeouts: {header: 200ms}")
        self.assertTrue(self.connect(proxy.port).send(b"PROXY ").is_closed())
        wait_until(lambda: self.rejected(proxy, "proxy_timeout") == 1, "a rejection")

    def test_where_it_is_optional_both_are_served(self):
        up = self.server()
        proxy = self.start(up, OPTIONAL)
        for first, client_ip in ((v2(), "192.0.2.1"), (b"", "127.0.0.1")):
            client = self.connect(proxy.port).send(first + REQUEST)
            self.assertEqual(client.response().status, 200)
            self.assertEqual(header_of(up.requests[-1], "x-forwarded-for"), client_ip)

    def test_where_it_is_optional_a_stranger_cannot_name_a_client(self):
        up = self.server()
        proxy = self.start(
            up, "proxy_protocol: {mode: optional, trusted_sources: [192.0.2.0/24]}")
        self.assertEqual(self.connect(proxy.port).send(REQUEST).response().status, 200)
        self.assertEqual(header_of(up.requests[-1], "x-forwarded-for"), "127.0.0.1")
        self.assertTrue(self.connect(proxy.port).send(v1() + REQUEST).is_closed())
        self.assertEqual(len(up.requests), 1)

    def test_what_it_adds_is_logged_whatever_follows(self):
        authority = Authority()
        self.addCleanup(authority.close)
        names = ("authority", "unique_id", "ssl_cn", "alpn", "0xEA")
        template = " ".join("%%PROXY_PROTOCOL_TLV(%s)%%" % name for name in names)
        up = self.server()
        clear = self.start(up, REQUIRED, template=template)
        secure = self.start(up, REQUIRED + "\ntls: {certificates: [a]}", template=template,
                            more=authority.issue("a", "DNS:a.example").yaml("a"))
        header = v2(rest=tlv(2, b"shop.example") + tlv(5, b"id 1\n") + tlv(0xea, b"\x01vpce-1") +
                    tlv(0x20, b"\x07\0\0\0\0" + tlv(0x22, b"me")))
        line = "shop.example id 1\\x0A me - \\x01vpce-1\n"

        self.assertEqual(self.connect(clear.port).send(header + REQUEST).response().status, 200)
        self.assertEqual(self.next_line(), line)

        http2 = Http2Client(clear.port, preface=False)
        self.addCleanup(http2.close)
        http2.send(header + PREFACE + frame(SETTINGS, 0, 0))
        self.assertEqual(http2.get()[0], 200)
        self.assertEqual(self.next_line(), line)

        tls = self.connect(secure.port).send(header)
        tls.socket = ssl.create_default_context(cafile=authority.pem).wrap_socket(
            tls.socket, server_hostname="a.example")
        self.assertEqual(tls.send(REQUEST).response().status, 200)
        self.assertEqual(self.next_line(), line)

    def test_it_comes_before_http2_too(self):
        up = self.server()
        proxy = self.start(up, REQUIRED)
        out = subprocess.run(
            ["curl", "-sS", "--haproxy-protocol", "--http2-prior-knowledge", "-w",
             "%{http_code} %{http_version}", "http://127.0.0.1:%d/" % proxy.port],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(out.stdout, "200 2", out.stderr)

    def test_it_comes_before_tls(self):
        authority = Authority()
        self.addCleanup(authority.close)
        up = self.server()
        proxy = self.start(up, REQUIRED + "\ntls: {certificates: [a]}",
                           more=authority.issue("a", "DNS:a.example").yaml("a"))
        out = subprocess.run(
            ["curl", "-sS", "--haproxy-protocol", "--cacert", authority.pem, "--resolve",
             "a.example:%d:127.0.0.1" % proxy.port, "-w", "%{http_code}",
             "https://a.example:%d/" % proxy.port],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(out.stdout, "200", out.stderr)
        self.assertEqual(header_of(up.requests[-1], "x-forwarded-proto"), "https")


class ToAnUpstreamTest(Case):
    def setUp(self):
        super().setUp()
        self.headers = []

    def serve(self, server, connection):
        """What a server that speaks version 1 does."""
        self.headers.append(connection.read_until(b"\r\n"))
        while True:
            server.read_request(connection)
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    def test_each_connection_names_its_client_and_serves_no_other(self):
        up = self.server(self.serve)
        proxy = self.start(up, REQUIRED, upstream="proxy_protocol: v1")
        one, two = self.connect(proxy.port), self.connect(proxy.port)
        one.send(v1("192.0.2.1") + REQUEST)
        self.assertEqual(one.response().status, 200)
        two.send(v1("192.0.2.2") + REQUEST)
        self.assertEqual(two.response().status, 200)
        self.assertEqual(one.send(REQUEST).response().status, 200)
        to = b" 198.51.100.7 4711 443\r\n"
        self.assertEqual(self.headers, [b"PROXY TCP4 192.0.2.1" + to, b"PROXY TCP4 192.0.2.2" + to,
                                        b"PROXY TCP4 192.0.2.1" + to])
        self.assertEqual(up.connections, 3)

    def test_version_2_is_binary(self):
        got = []

        def serve(server, connection):
            got.append(connection.read_exactly(28))
            server.read_request(connection)
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        proxy = self.start(self.server(serve), upstream="proxy_protocol: v2")
        client = self.connect(proxy.port)
        self.assertEqual(client.send(REQUEST).response().status, 200)
        local = socket.inet_aton("127.0.0.1")
        self.assertEqual(got[0], SIGNATURE + b"\x21\x11\x00\x0c" + local + local +
                         client.socket.getsockname()[1].to_bytes(2, "big") +
                         proxy.port.to_bytes(2, "big"))

    def test_an_upstream_that_begins_to_want_it_gets_new_connections(self):
        up = self.server()
        proxy = self.start(up)
        self.assertEqual(self.connect(proxy.port).send(REQUEST).response().status, 200)
        wanting = self.server(self.serve)
        proxy.reload(self.config(wanting, upstream="proxy_protocol: v1"))
        self.assertEqual(self.connect(proxy.port).send(REQUEST).response().status, 200)
        self.assertEqual(len(self.headers), 1)


class WithHaproxyTest(Case):
    """HAProxy on either side: who says it, and who hears it."""

    HAPROXY = """
defaults
  mode http
  timeout connect 30s
  timeout client 30s
  timeout server 30s
listen in
  bind 127.0.0.1:%(entry)d
  option forwardfor header x-seen
  unique-id-format id-%%cp
  server proxy 127.0.0.1:%(proxy)d send-proxy%(options)s
frontend out
  bind 127.0.0.1:%(exit)d accept-proxy
  http-request return status 200 hdr x-source %%[src] hdr x-port %%[src_port]
"""

    def test_haproxy_is_understood_and_understands(self):
        for version, options in (("v1", ""), ("v2", "-v2 proxy-v2-options crc32c,unique-id")):
            entry, exit_port = free_port(), free_port()
            up = type("Up", (), {"port": exit_port})
            proxy = self.start(up, REQUIRED, upstream="proxy_protocol: " + version,
                               template="%PROXY_PROTOCOL_TLV(unique_id)%")
            with tempfile.NamedTemporaryFile("w", suffix=".cfg") as config:
                config.write(self.HAPROXY % {"entry": entry, "proxy": proxy.port,
                                             "exit": exit_port, "options": options})
                config.flush()
                with Process(["/usr/sbin/haproxy", "-db", "-f", config.name]):
                    client = wait_until(lambda: self.try_connect(entry), "haproxy")
                    response = client.send(REQUEST).response()
                    self.assertEqual(response.status, 200)
                    self.assertEqual(response.headers["x-source"], "127.0.0.1")
                    port = client.socket.getsockname()[1]
                    self.assertEqual(response.headers["x-port"], str(port))
                    self.assertEqual(self.next_line(),
                                     "id-%d\n" % port if version == "v2" else "-\n")

    def try_connect(self, port):
        try:
            return self.connect(port)
        except ConnectionRefusedError:
            return None


if __name__ == "__main__":
    unittest.main()
