"""TLS towards upstreams, in the real program with OpenSSL at the other end."""

import json
import os
import re
import ssl
import tempfile
import threading
import unittest

from harness.h2 import END_HEADERS, END_STREAM, HEADERS, SETTINGS, Http2Client, frame
from harness.process import Proxy, wait_until
from harness.raw import Client, Server
from harness.tls import Authority, TlsServer, demand_certificates_of

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
access_log:
  path: %(log)s
  format: json
  fields:
    {details: "%%RESPONSE_CODE_DETAILS%%", failure: "%%UPSTREAM_TRANSPORT_FAILURE_REASON%%"}
---
kind: Upstream
name: up
endpoints: [%(endpoints)s]
tls: {%(tls)s}
%(upstream)s
---
kind: Route
name: all
upstream: up
"""

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def serve_http2(server, connection):
    """Answers every request with 204."""
    connection.read_until(b"SM\r\n\r\n")
    connection.send(frame(SETTINGS, 0, 0))
    while True:
        got = Http2Client.read_frame(connection)
        if got is None:
            return
        if got.kind == HEADERS:
            server.requests.append(got.payload)
            connection.send(frame(HEADERS, END_HEADERS | END_STREAM, got.stream, b"\x89"))


class UpstreamTlsCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)
        cls.stranger = Authority("stranger")
        cls.addClassCleanup(cls.stranger.close)
        cls.good = cls.authority.issue("up", "DNS:a.example", "DNS:localhost", "IP:127.0.0.1",
                                       "URI:spiffe://x/up")
        cls.trusted = "ca_certificates: {from_file: %s}" % cls.authority.pem

    def setUp(self):
        self.log = tempfile.NamedTemporaryFile(mode="r", suffix=".log")
        self.addCleanup(self.log.close)

    def server(self, issued=None, serve=None, configure=None):
        server = TlsServer(issued or self.good, serve, configure)
        self.addCleanup(server.close)
        return server

    def config(self, servers, tls, upstream="", host="127.0.0.1", certificates=()):
        return CONFIG % {
            "log": self.log.name, "tls": tls, "upstream": upstream,
            "endpoints": ", ".join('{address: "%s:%d"}' % (host, s.port) for s in servers)
        } + "".join(issued.yaml(name) for name, issued in certificates)

    def start(self, servers, tls=None, *arguments, environment=None, **options):
        if not isinstance(servers, list):
            servers = [servers]
        tls = self.trusted if tls is None else tls
        self.proxy = Proxy(self.config(servers, tls, *arguments, **options),
                           environment=environment)
        self.addCleanup(self.proxy.stop)

    def client(self):
        client = Client(self.proxy.port)
        self.addCleanup(client.close)
        return client

    def exchange(self, request=GET):
        return self.client().send(request).response()

    def metric(self, name, label=""):
        return self.proxy.metric('%s{upstream="up"%s}' % (name, label and "," + label))

    def handshakes(self, result):
        return self.metric("sluice_upstream_tls_handshakes_total", 'result="%s"' % result)

    def expect_refused(self, details, failure=None, request=GET):
        """A 503 with that reason, in Proxy-Status and the log, with `failure`, a pattern, there."""
        response = self.exchange(request)
        self.assertEqual(response.status, 503)
        self.assertIn(details, response.headers["proxy-status"])
        line = wait_until(lambda: self.logged(details), "its line in the log")
        if failure is not None:
            self.assertRegex(line["failure"] or "", failure)
        return response

    def logged(self, details):
        """The next line of the log, if it is one with these details."""
        line = json.loads(self.log.readline() or "{}")
        return line if line.get("details") == details else None


class IdentityTest(UpstreamTlsCase):
    def test_an_endpoint_of_a_trusted_authority_is_asked_for_by_its_name(self):
        up = self.server()
        self.start(up, host="localhost")
        wait_until(lambda: self.exchange().status == 200, "an address of the name")
        self.assertEqual(up.names[-1], "localhost")

    def test_an_address_is_proven_by_its_certificate_and_no_name_is_told(self):
        up = self.server()
        self.start(up)
        self.assertEqual(self.exchange().status, 200)
        self.assertEqual(up.names, [None])

    def test_sni_names_whom_an_address_has_to_be(self):
        up = self.server()
        self.start(up, self.trusted + ", sni: A.example")
        self.assertEqual(self.exchange().status, 200)
        self.assertEqual(up.names, ["a.example"])

    def test_a_literal_host_names_whom_an_address_has_to_be(self):
        up = self.server()
        self.start(up, None, "host: a.example:8443")
        self.assertEqual(self.exchange().status, 200)
        self.assertEqual(up.names, ["a.example"])
        self.assertIn(b"host: a.example:8443\r\n", up.requests[0].lower())

    def test_another_authority_is_refused_and_sees_no_request(self):
        up = self.server(self.stranger.issue("up", "IP:127.0.0.1"))
        self.start(up)
        response = self.expect_refused("upstream_certificate_invalid", "issuer_certificate")
        self.assertIn("tls_certificate_error", response.headers["proxy-status"])
        self.assertEqual(up.requests, [])
        self.assertGreater(self.handshakes("failed"), 0)
        self.assertGreater(
            self.metric("sluice_upstream_connect_failures_total", 'reason="tls"'), 0)

    def test_another_name_is_refused(self):
        up = self.server()
        self.start(up, self.trusted + ", sni: b.example")
        self.expect_refused("upstream_certificate_invalid", "^name_mismatch$")
        self.assertEqual(up.requests, [])

    def test_listed_names_are_what_the_certificate_must_be_of(self):
        up = self.server()
        self.start(up, self.trusted + ', sni: b.example, subject_alt_names: ["spiffe://x/*"]')
        self.assertEqual(self.exchange().status, 200)
        self.proxy.reload(self.config(
            [up], self.trusted + ', subject_alt_names: ["spiffe://y/*"]'))
        self.expect_refused("upstream_certificate_invalid", "^name_mismatch$")

    def test_whoever_answers_is_believed_where_that_is_asked_for(self):
        self.start(self.server(self.stranger.issue("nobody")), "insecure_skip_verify: true")
        self.assertEqual(self.exchange().status, 200)

    def test_the_machines_authorities_are_trusted_by_default(self):
        up = self.server()
        self.start(up, "", environment={"SSL_CERT_FILE": self.authority.pem})
        self.assertEqual(self.exchange().status, 200)
        self.proxy.stop()
        self.start(up, "", environment={"SSL_CERT_FILE": ""})
        self.expect_refused("upstream_certificate_invalid", "issuer_certificate")

    def test_a_certificate_is_shown_where_it_is_demanded(self):
        alice = self.authority.issue("alice")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            def configure(context):
                demand_certificates_of(self.authority)(context)
                context.maximum_version = version
            with self.subTest(version):
                up = self.server(configure=configure)
                self.start(up, self.trusted + ", certificate: alice",
                           certificates=[("alice", alice)])
                self.assertEqual(self.exchange().status, 200)
                self.assertEqual(up.clients, ["alice"])
                self.start(up)
                for request in (GET, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"):
                    self.expect_refused("upstream_tls_handshake_failed", request=request)
                self.assertEqual(len(up.requests), 1)
                self.assertGreater(self.handshakes("failed"), 0)


class HandshakeTest(UpstreamTlsCase):
    def test_an_endpoint_that_speaks_in_the_clear_is_told_apart(self):
        with Server(lambda server, connection: connection.send(b"220 mail.example ESMTP\r\n")) as up:
            self.start(up)
            self.expect_refused("upstream_tls_handshake_failed", "wrong_version_number|unexpected")

    def test_an_endpoint_that_hangs_up_is_told_apart(self):
        with Server(lambda server, connection: None) as up:
            self.start(up)
            self.expect_refused("upstream_tls_handshake_failed")

    def test_the_handshake_counts_to_the_connect_timeout(self):
        with Server(lambda server, connection: connection.read_to_end()) as up:
            self.start(up, None, "connect_timeout: 200ms")
            response = self.exchange()
            self.assertEqual(response.status, 504)
            self.assertIn("upstream_connect_timeout", response.headers["proxy-status"])

    def test_older_versions_than_wanted_are_refused(self):
        def old(context):
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        up = self.server(configure=old)
        self.start(up, self.trusted + ", min_version: tls1.3")
        self.expect_refused("upstream_tls_handshake_failed", "alert_protocol_version")
        self.proxy.reload(self.config([up], self.trusted))
        self.assertEqual(self.exchange().status, 200)

    def test_what_cannot_be_connected_goes_to_another_endpoint(self):
        bad = self.server(self.stranger.issue("up", "IP:127.0.0.1"))
        good = self.server()
        self.start([bad, good])
        post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
        self.assertEqual([self.exchange(post).status for _ in range(6)], [200] * 6)
        self.assertEqual(bad.requests, [])

    def test_sessions_are_resumed(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            def configure(context):
                context.maximum_version = version
            with self.subTest(version):
                up = self.server(configure=configure)
                self.start(up, None, "max_idle_connections: 0")
                for _ in range(5):
                    self.assertEqual(self.exchange().status, 200)
                self.assertEqual(up.resumed, [False] + [True] * 4)
                self.assertEqual((self.handshakes("full"), self.handshakes("resumed")), (1, 4))

    def test_a_connection_is_used_again(self):
        up = self.server()
        self.start(up)
        self.assertEqual([self.exchange().status for _ in range(5)], [200] * 5)
        self.assertEqual(up.connections, 1)


class ProtocolTest(UpstreamTlsCase):
    @staticmethod
    def speaks(*protocols):
        return lambda context: context.set_alpn_protocols(list(protocols))

    def test_http2_is_agreed_on(self):
        up = self.server(serve=serve_http2, configure=self.speaks("http/1.1", "h2"))
        self.start(up, None, "protocol: http2")
        self.assertEqual([self.exchange().status for _ in range(3)], [204] * 3)
        self.assertEqual((up.connections, up.protocols), (1, ["h2"]))
        self.assertIn(b"\x87", up.requests[0])  # ":scheme: https" of the static table.

    def test_an_http2_upstream_that_does_not_agree_on_it_is_refused(self):
        for configure in (self.speaks("http/1.1"), None):
            up = self.server(configure=configure)
            self.start(up, None, "protocol: http2")
            self.expect_refused("upstream_protocol_not_negotiated", "no_application_protocol")
            self.assertEqual(up.requests, [])

    def test_http1_is_asked_for_by_name_and_silence_means_it_too(self):
        for configure, protocol in ((self.speaks("h2", "http/1.1"), "http/1.1"), (None, None)):
            up = self.server(configure=configure)
            self.start(up)
            self.assertEqual(self.exchange().status, 200)
            self.assertEqual(up.protocols, [protocol])

    def test_bodies_of_any_size_pass_both_ways(self):
        def echo(server, connection):
            head = connection.read_until(b"\r\n\r\n")
            left = int(re.search(rb"content-length: (\d+)", head).group(1))
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % left)
            while left > 0:
                data = connection.buffer or connection.socket.recv(65536)
                connection.buffer = b""
                connection.send(data)
                left -= len(data)
        self.start(self.server(serve=echo))
        body = os.urandom(1000) * 20_000
        client = self.client()
        sender = threading.Thread(target=client.send, args=(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body,))
        sender.start()
        self.assertEqual(client.response().body, body)
        sender.join()


class ChangeTest(UpstreamTlsCase):
    def test_another_certificate_gets_new_connections_and_cuts_none(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def serve(server, connection):
            while True:
                head, _ = server.read_request(connection)
                if head.startswith(b"GET /slow"):
                    go_on.wait(30)
                connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        up = self.server(serve=serve, configure=demand_certificates_of(self.authority))
        mine = self.trusted + ", certificate: mine"
        alice, bob = self.authority.issue("alice"), self.authority.issue("bob")
        self.start(up, mine, certificates=[("mine", alice)])
        slow = self.client().send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: up.requests, "the slow request")
        self.proxy.reload(self.config([up], mine, certificates=[("mine", bob)]))
        self.assertEqual(self.exchange().status, 200)
        self.assertEqual(up.clients, ["alice", "bob"])
        go_on.set()
        self.assertEqual(slow.response().status, 200)

    def test_what_says_nothing_about_identity_keeps_connections(self):
        up = self.server()
        self.start(up)
        self.assertEqual(self.exchange().status, 200)
        self.proxy.reload(self.config([up], self.trusted, "policy: random"))
        self.assertEqual(self.exchange().status, 200)
        self.assertEqual(up.connections, 1)
        self.proxy.reload(self.config([up], self.trusted + ", sni: a.example"))
        self.assertEqual(self.exchange().status, 200)
        self.assertEqual(up.connections, 2)

    def test_authorities_that_cannot_be_read_leave_the_last_good_configuration(self):
        up = self.server()
        self.start(up, environment={"SSL_CERT_FILE": "/nonexistent"})
        self.proxy.write(self.config([up], ""))
        self.proxy.wait_for_line('"/nonexistent" cannot be read')
        self.assertEqual(self.exchange().status, 200)


if __name__ == "__main__":
    unittest.main()
