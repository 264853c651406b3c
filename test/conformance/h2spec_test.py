"""h2spec: every case of its suites (generic, hpack, http2), in the clear and over TLS, whatever the
upstreams speak and whether that is in the clear or over TLS."""

import os
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from harness.fetched import go_tool
from harness.process import Proxy
from harness.raw import Server
from harness.tls import Authority

CASES = 145

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
%s---
kind: Upstream
name: up
protocol: %s
%sendpoints: [{address: "127.0.0.1:%d"}]
---
kind: Route
name: all
upstream: up
"""

# Cases about the windows of a response are skipped with a small one.
BODY = b"x" * 20_000

CLEAR = ""
TLS = "tls: {certificates: [server]}\n"

H2SPEC = ("test/conformance/h2spec", "github.com/summerwind/h2spec/cmd/h2spec")


def large(server, connection):
    while True:
        server.read_request(connection)
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY))


class H2specTest(unittest.TestCase):
    def setUp(self):
        self.authority = self.start(Authority())

    def run_against(self, proxy, *options):
        """Runs all cases; each is a result of its own."""
        with tempfile.TemporaryDirectory() as directory:
            report = os.path.join(directory, "report.xml")
            done = subprocess.run(
                [go_tool(*H2SPEC), "-h", "127.0.0.1", "-p", str(proxy.port), "-o", "5",
                 "-j", report, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, timeout=240)
            self.assertTrue(os.path.exists(report), done.stdout)
            cases = xml.etree.ElementTree.parse(report).getroot().findall(".//testcase")
        self.assertEqual(len(cases), CASES)
        for case in cases:
            with self.subTest(section=case.get("package"), case=case.get("classname")):
                self.assertIsNone(case.find("skipped"), "skipped")
                for kind in ("failure", "error"):
                    found = case.find(kind)
                    self.assertIsNone(found, None if found is None else found.text)

    def start(self, program):
        self.addCleanup(getattr(program, "stop", None) or program.close)
        return program

    def origin(self):
        return self.start(Server(large))

    def proxy(self, listener, protocol, upstream, more="", tls=""):
        """`tls`: to the upstream."""
        return self.start(Proxy(CONFIG % (listener, protocol, tls, upstream.port) + more))

    def tls_proxy(self, protocol, upstream, tls=""):
        certificate = self.authority.issue("localhost", "IP:127.0.0.1")
        return self.proxy(TLS, protocol, upstream, certificate.yaml("server"), tls)

    def trusted(self):
        """TLS to an upstream whose certificate is of our authority."""
        return "tls: {ca_certificates: {from_file: %s}}\n" % self.authority.pem

    def test_http1_upstream(self):
        self.run_against(self.proxy(CLEAR, "http1", self.origin()))

    def test_http2_upstream(self):
        """The upstream is another proxy, before one that speaks HTTP/1.1."""
        upstream = self.proxy(CLEAR, "http1", self.origin())
        self.run_against(self.proxy(CLEAR, "http2", upstream))

    def test_tls_with_an_http1_upstream(self):
        self.run_against(self.tls_proxy("http1", self.origin()), "--tls", "--insecure")

    def test_tls_with_an_http2_upstream(self):
        upstream = self.proxy(CLEAR, "http1", self.origin())
        self.run_against(self.tls_proxy("http2", upstream), "--tls", "--insecure")

    def test_http2_upstream_over_tls(self):
        upstream = self.tls_proxy("http1", self.origin())
        self.run_against(self.proxy(CLEAR, "http2", upstream, tls=self.trusted()))

    def test_tls_with_an_http2_upstream_over_tls(self):
        upstream = self.tls_proxy("http1", self.origin())
        self.run_against(self.tls_proxy("http2", upstream, self.trusted()), "--tls", "--insecure")


if __name__ == "__main__":
    unittest.main()
