"""curl, nghttp and h2load through the proxy, over TLS and in the clear, to servers of either
protocol; nghttpd is the server that speaks HTTP/2."""

import hashlib
import os
import re
import socket
import subprocess
import tempfile
import unittest

from harness.process import Process, Proxy, free_port, wait_until
from harness.raw import Server
from harness.tls import Authority

CONFIG = """
kind: Listener
name: tls
address: 127.0.0.1:{port}
tls: {certificates: [server]}
---
kind: Listener
name: plain
address: 127.0.0.1:%(plain)d
---
kind: Upstream
name: echo
endpoints: [{address: "127.0.0.1:%(echo)d"}]
---
kind: Upstream
name: files
protocol: http2
endpoints: [{address: "127.0.0.1:%(files)d"}]
---
kind: Route
name: echo
upstream: echo
---
kind: Route
name: files
paths: [/files/*]
upstream: files
plugins:
  rewrite: {strip_prefix: /files}
"""

SIZE = 20_000_000


class CurlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        def start(program):
            cls.addClassCleanup(getattr(program, "stop", None) or program.close)
            return program

        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.big = os.path.join(cls.folder.name, "big")
        with open(cls.big, "wb") as f:
            f.write(os.urandom(SIZE))
        with open(os.path.join(cls.folder.name, "small"), "wb") as f:
            f.write(b"x" * 1000)
        with open(cls.big, "rb") as f:
            cls.digest = hashlib.sha256(f.read()).hexdigest()
        cls.authority = start(Authority())
        cls.echo = start(Server())
        files_port = free_port()
        start(Process(["/usr/sbin/nghttpd", "--no-tls", "--address=127.0.0.1", "--htdocs", cls.folder.name,
                       "--trailer", "x-trailer: last", str(files_port)]))
        wait_until(lambda: cls.is_open(files_port), "nghttpd")
        cls.plain_port = free_port()
        cls.proxy = start(Proxy(
            CONFIG % {"plain": cls.plain_port, "echo": cls.echo.port, "files": files_port} +
            cls.authority.issue("localhost", "DNS:localhost").yaml("server")))
        # For each way to ask: options of curl, and where.
        tls, plain = "https://localhost:%d" % cls.proxy.port, "http://localhost:%d" % cls.plain_port
        cls.ways = [(["--http1.1"], tls), (["--http2"], tls), (["--http1.1"], plain),
                    (["--http2-prior-knowledge"], plain), (["--http1.0"], plain)]

    @staticmethod
    def is_open(port):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        except OSError:
            return False

    def run_tool(self, *command, text=True):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=text,
                              timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def curl(self, *arguments, text=True):
        return self.run_tool("curl", "--silent", "--show-error", "--fail", "--noproxy", "*",
                             "--cacert", self.authority.pem, *arguments, text=text)

    @staticmethod
    def keeps_connections(options):
        """curl 7.88 sends the preface of HTTP/2 again on a connection that it keeps, if it has known
        the protocol before."""
        return options not in (["--http1.0"], ["--http2-prior-knowledge"])

    def test_curl_speaks_the_protocol_that_it_asks_for(self):
        versions = [self.curl(*options, "-o", "/dev/null", "-w", "%{http_version}", url)
                    for options, url in self.ways]
        self.assertEqual(versions, ["1.1", "2", "1.1", "2", "1.1"])

    def test_bodies_come_back_as_they_were_sent(self):
        for options, url in self.ways:
            if options == ["--http1.0"]:
                continue  # It has a body's length only with a file, and no `Expect`.
            got = self.curl(*options, "--data-binary", "@" + self.big, url, text=False)
            self.assertEqual(hashlib.sha256(got).hexdigest(), self.digest)

    def test_a_body_without_a_length_is_sent_in_chunks(self):
        for options, url in self.ways:
            if options == ["--http1.0"]:
                continue
            got = subprocess.run(
                ["curl", "--silent", "--cacert", self.authority.pem, *options, "-T", "-", url],
                input=b"y" * 300_000, stdout=subprocess.PIPE, timeout=60).stdout
            self.assertEqual(got, b"y" * 300_000)

    def test_files_of_an_http2_server_are_whole(self):
        for options, url in self.ways:
            got = self.curl(*options, url + "/files/big", text=False)
            self.assertEqual(hashlib.sha256(got).hexdigest(), self.digest)

    def test_one_connection_serves_many_requests(self):
        for options, url in self.ways:
            if not self.keeps_connections(options):
                continue
            got = self.curl(*options, "-w", "%{num_connects}\n", "-o", "/dev/null",
                            url + "/files/small?[1-50]")
            self.assertEqual(sum(map(int, got.split())), 1)

    def test_requests_side_by_side(self):
        for options, url in self.ways:
            if not self.keeps_connections(options):
                continue
            got = self.curl(*options, "--parallel", "--parallel-max", "40", "-w", "%{http_code}\n",
                            "-o", "/dev/null", url + "/files/small?[1-200]")
            self.assertEqual(got.split(), ["200"] * 200)

    def test_nghttp_is_told_of_trailers_and_pushes_nothing(self):
        for url in ("https://localhost:%d" % self.proxy.port,
                    "http://localhost:%d" % self.plain_port):
            shown = self.run_tool("nghttp", "--verbose", "--null-out", url + "/files/small")
            self.assertIn(":status: 200", shown)
            self.assertIn("x-trailer: last", shown)
            self.assertIn("[SETTINGS_ENABLE_CONNECT_PROTOCOL(0x08):1]", shown)
            self.assertNotIn("recv PUSH_PROMISE", shown)

    def test_h2load_with_many_streams_loses_nothing(self):
        for url in ("https://localhost:%d" % self.proxy.port,
                    "http://localhost:%d" % self.plain_port):
            for path in ("/", "/files/small"):
                with self.subTest(url=url, path=path):
                    shown = self.run_tool("h2load", "--requests=5000", "--clients=10",
                                          "--max-concurrent-streams=100", url + path)
                    done = re.search(r"requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored",
                                     shown)
                    self.assertEqual(done.groups(), ("5000", "0", "0"), shown)
                    self.assertIn("status codes: 5000 2xx", shown)

    def test_h2load_in_http1_over_tls_loses_nothing(self):
        shown = self.run_tool("h2load", "--h1", "--requests=2000", "--clients=20",
                              "https://localhost:%d/files/small" % self.proxy.port)
        self.assertIn("status codes: 2000 2xx", shown)


if __name__ == "__main__":
    unittest.main()
