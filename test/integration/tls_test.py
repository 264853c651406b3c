"""TLS towards clients, in the real program with OpenSSL at the other end."""

import os
import ssl
import tempfile
import unittest

from harness.process import Proxy, free_port, wait_until
from harness.raw import Client, Server, header_of
from harness.tls import Authority, TlsClient

LISTENER = """
kind: Listener
name: public
address: 127.0.0.1:{port}
tls:
%s
---
kind: Upstream
name: up
endpoints: [{address: "127.0.0.1:%d"}]
---
kind: Route
name: all
upstream: up
"""


def get(host, target="/", extra=""):
    return ("GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (target, host, extra)).encode()


class TlsCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)
        cls.server_a = cls.authority.issue("a", "DNS:a.example")

    def upstream(self, serve=None):
        server = Server(serve)
        self.addCleanup(server.close)
        return server

    def proxy(self, config):
        proxy = Proxy(config)
        self.addCleanup(proxy.stop)
        return proxy

    def connect(self, proxy, host="a.example", **options):
        client = TlsClient(proxy.port, self.authority, host, **options)
        self.addCleanup(client.close)
        return client


class ServingTest(TlsCase):
    def setUp(self):
        self.up = self.upstream()
        self.config = LISTENER % ("  certificates: [a]", self.up.port) + self.server_a.yaml("a")

    def test_requests_on_one_connection_are_served_and_told_to_have_come_by_https(self):
        client = self.connect(self.proxy(self.config))
        for _ in range(3):
            self.assertEqual(client.send(get("a.example")).response().status, 200)
        self.assertEqual(header_of(self.up.requests[-1], "x-forwarded-proto"), "https")
        self.assertEqual(client.socket.version(), "TLSv1.3")

    def test_the_end_of_a_response_without_length_is_announced(self):
        client = self.connect(self.proxy(self.config))
        client.socket.suppress_ragged_eofs = False
        client.send(b"GET / HTTP/1.0\r\nHost: a.example\r\n\r\n")
        self.assertTrue(client.read_to_end().startswith(b"HTTP/1.1 200"))

    def test_old_versions_and_weak_ciphers_are_refused(self):
        proxy = self.proxy(self.config)

        def old(context):
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
            context.set_ciphers("ALL:@SECLEVEL=0")

        def weak(context):
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers("AES128-SHA:AES256-GCM-SHA384:@SECLEVEL=0")

        for configure in (old, weak):
            with self.assertRaises(OSError):
                self.connect(proxy, configure=configure)

    def test_bodies_of_any_size_pass_both_ways(self):
        size = 20_000_000

        def echo(server, connection):
            head = connection.read_until(b"\r\n\r\n")
            length = int(header_of(head, "content-length"))
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % length)
            while length > 0:
                data = connection.buffer or connection.socket.recv(65536)
                connection.buffer = b""
                connection.send(data)
                length -= len(data)

        up = self.upstream(echo)
        proxy = self.proxy(LISTENER % ("  certificates: [a]", up.port) + self.server_a.yaml("a"))
        client = self.connect(proxy)
        body = os.urandom(1000) * (size // 1000)
        head = b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n" % size
        # An SSLSocket is not for two threads at once, so pieces go to and fro.
        client.send(head)
        received = b""
        for at in range(0, size, 100_000):
            client.send(body[at:at + 100_000])
            if at == 0:
                client.read_until(b"\r\n\r\n")
            received += client.read_exactly(100_000)
        self.assertEqual(received, body)

    def test_a_returning_client_resumes(self):
        proxy = self.proxy(self.config)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            def configure(context):
                context.maximum_version = version
            first = self.connect(proxy, configure=configure)
            first.send(get("a.example")).response()
            again = self.connect(proxy, session=first.session)
            self.assertTrue(again.socket.session_reused, version)
            self.assertEqual(again.send(get("a.example")).response().status, 200)

    def test_both_key_types_are_served(self):
        rsa = self.authority.issue("a", "DNS:a.example", rsa=True)
        proxy = self.proxy(LISTENER % ("  certificates: [r, a]", self.up.port) +
                           self.server_a.yaml("a") + rsa.yaml("r"))

        def only(ciphers):
            def configure(context):
                context.maximum_version = ssl.TLSVersion.TLSv1_2
                context.set_ciphers(ciphers)
            return configure

        self.assertIn("ECDSA", self.connect(
            proxy, configure=only("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
        ).socket.cipher()[0])
        self.assertIn("RSA", self.connect(
            proxy, configure=only("ECDHE-RSA-AES128-GCM-SHA256")).socket.cipher()[0])

    def test_a_changed_certificate_is_shown_to_new_connections_and_old_ones_stay(self):
        proxy = self.proxy(self.config)
        old = self.connect(proxy)
        old.send(get("a.example")).response()
        renewed = self.authority.issue("renewed", "DNS:a.example")
        proxy.reload(LISTENER % ("  certificates: [a]", self.up.port) + renewed.yaml("a"))
        new = self.connect(proxy)
        self.assertEqual(new.certificate()["subject"], ((("commonName", "renewed"),),))
        self.assertEqual(old.send(get("a.example")).response().status, 200)

    def test_a_client_that_speaks_in_the_clear_is_cut(self):
        proxy = self.proxy(self.config)
        with Client(proxy.port) as client:
            client.send(get("a.example"))
            self.assertNotIn(b"HTTP/1.1", client.read_to_end())
        self.assertEqual(self.connect(proxy).send(get("a.example")).response().status, 200)

    def test_a_redirect_to_https_ends_there(self):
        plain = free_port()
        config = (LISTENER % ("  certificates: [a]", self.up.port) + self.server_a.yaml("a") +
                  "---\nkind: Listener\nname: plain\naddress: 127.0.0.1:%d\n" % plain)
        proxy = self.proxy(config.replace(
            "name: all\n", "name: all\nplugins: {redirect: {scheme: https}}\n"))
        with Client(plain) as client:
            response = client.send(get("a.example", "/x?y=1")).response()
            self.assertEqual(response.status, 302)
            self.assertEqual(response.headers["location"], "https://a.example/x?y=1")
        self.assertEqual(self.connect(proxy).send(get("a.example", "/x?y=1")).response().status, 200)


class ClientCertificateTest(TlsCase):
    def setUp(self):
        self.up = self.upstream()
        self.log = tempfile.NamedTemporaryFile(mode="r", suffix=".log")
        self.addCleanup(self.log.close)
        both = self.authority.issue("both", "DNS:a.example", "DNS:b.example")
        self.alice = self.authority.issue("alice", "URI:x://alice")
        tls = """  certificates: [both]
  client_auth:
  - server_names: [b.example]
    ca_certificates: {from_file: %s}
  forward_client_cert: {mode: sanitize_set, details: [subject, uri]}
access_log:
  path: %s
  template: "%%REQUESTED_SERVER_NAME%% %%DOWNSTREAM_PEER_SUBJECT%% %%DOWNSTREAM_PEER_URI_SAN%%"
""" % (self.authority.pem, self.log.name)
        self.server = self.proxy(LISTENER % (tls, self.up.port) + both.yaml("both"))

    def test_a_certificate_is_asked_of_those_who_ask_for_the_name(self):
        self.assertEqual(self.connect(self.server).send(get("a.example")).response().status, 200)
        with self.assertRaises(OSError):
            refused = self.connect(self.server, "b.example")
            refused.send(get("b.example")).response()  # Since TLS 1.3 the client learns it here.
        client = self.connect(self.server, "b.example", identity=self.alice)
        self.assertEqual(client.send(get("b.example")).response().status, 200)

    def test_a_host_of_other_demands_is_misdirected(self):
        client = self.connect(self.server, "a.example")
        for host in ("b.example", "B.example:443", "b.example.", "b.example.:443"):
            response = client.send(get(host)).response()
            self.assertEqual(response.status, 421, host)
            self.assertIn("misdirected_request", response.headers["proxy-status"])
        client = self.connect(self.server, "b.example", identity=self.alice)
        self.assertEqual(client.send(get("a.example")).response().status, 421)

    def test_upstreams_and_logs_hear_of_the_certificate_and_of_no_claim(self):
        client = self.connect(self.server, "b.example", identity=self.alice)
        claim = "X-Forwarded-Client-Cert: Hash=00;Subject=\"CN=root\"\r\n"
        client.send(get("b.example", extra=claim)).response()
        header = header_of(self.up.requests[-1], "x-forwarded-client-cert")
        self.assertRegex(header, r'^Hash=[0-9a-f]{64};Subject="CN=alice";URI="x://alice"$')
        line = wait_until(self.log.readline, "a line in the log")
        self.assertEqual(line, "b.example CN=alice x://alice\n")
        client = self.connect(self.server, "a.example")
        client.send(get("a.example", extra=claim)).response()
        self.assertIsNone(header_of(self.up.requests[-1], "x-forwarded-client-cert"))


class HostileTest(TlsCase):
    def test_bytes_that_are_no_tls_leave_others_alone(self):
        up = self.upstream()
        proxy = self.proxy(LISTENER % ("  certificates: [a]", up.port) + self.server_a.yaml("a"))
        well = self.connect(proxy)
        well.send(get("a.example")).response()
        for data in (b"\x16\x03\x01\xff\xff" + b"x" * 70000, b"\x16\x03\x01\x00\x05hello",
                     os.urandom(3000), b"\x80\x80", b"\x15\x03\x03\x00\x02\x02\x28"):
            with Client(proxy.port) as client:
                try:
                    client.send(data)
                except OSError:
                    pass
                client.read_to_end()
        self.assertEqual(well.send(get("a.example")).response().status, 200)

    def test_a_handshake_that_stands_still_is_given_up(self):
        up = self.upstream()
        proxy = self.proxy(LISTENER % (
            "  certificates: [a]\n  handshake_timeout: 200ms", up.port) + self.server_a.yaml("a"))
        with Client(proxy.port) as client:
            client.send(b"\x16\x03\x01\x02\x00\x01")
            self.assertTrue(client.is_closed())


if __name__ == "__main__":
    unittest.main()
