"""HTTP/2 from clients: real ones, many requests at once, bodies both ways, back-pressure, drain."""

import os
import re
import signal
import struct
import subprocess
import tempfile
import threading
import unittest

from harness.h2 import (
    ACK, CANCEL, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, Http2Client, INTERNAL_ERROR,
    NO_ERROR, PING, RST_STREAM, WINDOW_UPDATE, field, frame, head)
from harness.hpack import Inflater
from harness.process import Proxy
from harness.raw import Server

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
http2: {ping_after: 1s}
---
kind: Upstream
name: up
protocol: %s
endpoints: [{address: "127.0.0.1:%d"}]
---
kind: Route
name: all
upstream: up
timeout: 0s
"""

BIG = os.urandom(1 << 20) * 4


class Origin(Server):
    """Echoes bodies; paths ask for other things."""

    def __init__(self):
        super().__init__(Origin._answer)
        self.may_answer = threading.Event()
        self.asked = threading.Event()
        self.gone = threading.Event()

    def _answer(self, connection):
        while True:
            start, body = self.read_request(connection)
            path = start.split(b" ")[1]
            if path == b"/wait":
                self.asked.set()
                self.may_answer.wait(30)
            elif path == b"/gone":
                self.asked.set()
                connection.read_to_end()
                self.gone.set()
                return
            elif path == b"/cut":
                connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
                return
            elif path == b"/hints":
                connection.send(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
            elif path == b"/trailers":
                self.trailers = connection.trailers
                connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                                b"5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n")
                continue
            elif path == b"/big":
                body = BIG
            extra = b"" if start.startswith(b"HEAD") else body
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + extra)


class Http2Test(unittest.TestCase):
    def start(self, protocol="http1"):
        self.origin = Origin()
        self.addCleanup(self.origin.close)
        self.addCleanup(self.origin.may_answer.set)
        port = self.origin.port
        if protocol == "http2":
            inner = Proxy(CONFIG % ("http1", port))
            self.addCleanup(inner.stop)
            port = inner.port
        self.proxy = Proxy(CONFIG % (protocol, port))
        self.addCleanup(self.proxy.stop)
        self.url = "http://127.0.0.1:%d" % self.proxy.port

    def client(self, **options):
        client = Http2Client(self.proxy.port, **options)
        self.addCleanup(client.close)
        return client

    def file(self, content):
        f = tempfile.NamedTemporaryFile()
        self.addCleanup(f.close)
        f.write(content)
        f.flush()
        return f.name

    def output(self, *command):
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True,
                              timeout=60).stdout

    # --- Real clients ---

    def test_curl(self):
        for protocol in ("http1", "http2"):
            with self.subTest(upstream=protocol):
                self.start(protocol)
                curl = ["curl", "-s", "--http2-prior-knowledge", "--max-time", "30"]
                self.assertEqual(self.output(*curl, self.url + "/big"), BIG)
                upload = self.file(BIG)
                self.assertEqual(
                    self.output(*curl, "--data-binary", "@" + upload, self.url + "/echo"), BIG)
                shown = self.output(*curl, "-I", self.url + "/big").decode()
                self.assertRegex(shown, r"^HTTP/2 200")
                self.assertIn("content-length: %d" % len(BIG), shown)

    def test_nghttp(self):
        self.start()
        shown = self.output("nghttp", "-s", "-n", self.url + "/a", self.url + "/b",
                            self.url + "/big").decode()
        self.assertEqual(len(re.findall(r" 200 +\S+ /", shown)), 3, shown)

    def test_h2load(self):
        for protocol in ("http1", "http2"):
            with self.subTest(upstream=protocol):
                self.start(protocol)
                shown = self.output("h2load", "-n2000", "-c4", "-m32", self.url + "/x").decode()
                self.assertIn("2000 succeeded, 0 failed", shown)

    def test_a_hundred_requests_at_once_with_bodies_both_ways(self):
        for protocol in ("http1", "http2"):
            with self.subTest(upstream=protocol):
                self.start(protocol)
                upload = self.file(os.urandom(200_000))
                shown = self.output("h2load", "-n300", "-c1", "-m100", "-d", upload,
                                    self.url + "/echo").decode()
                self.assertIn("300 succeeded, 0 failed", shown)
                self.assertEqual(int(re.search(r"\((\d+)\) data", shown).group(1)), 300 * 200_000)

    # --- Messages ---

    def test_trailers_both_ways(self):
        self.start()
        client = self.client()
        stream = client.open(head(method=b"POST", path=b"/trailers"), end=False)
        client.send(frame(DATA, 0, stream, b"hello"))
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, field(b"x-request-sum", b"5")))
        inflater = Inflater()
        inflater.read(client.read_until_frame(HEADERS, stream=stream).payload)
        last = client.read_until_frame(HEADERS, stream=stream)
        self.assertTrue(last.flags & END_STREAM)
        self.assertEqual(inflater.read(last.payload), [(b"x-sum", b"5")])
        self.assertIn(b"x-request-sum: 5\r\n", self.origin.trailers)

    def test_interim_responses(self):
        self.start()
        client = self.client()
        stream = client.open(head(path=b"/hints"))
        self.assertEqual(client.read_until_frame(HEADERS, stream=stream).status, 103)
        self.assertEqual(client.read_until_frame(HEADERS, stream=stream).status, 200)

    def test_a_response_that_is_cut_is_a_reset(self):
        self.start()
        client = self.client()
        stream = client.open(head(path=b"/cut"))
        self.assertEqual(client.read_until_frame(DATA, stream=stream).payload, b"half")
        got = client.read_until_frame(RST_STREAM, stream=stream)
        self.assertEqual(got.code, INTERNAL_ERROR)
        self.assertEqual(client.get(b"/ok")[1], b"")

    def test_a_request_that_is_cancelled_is_cancelled_upstream(self):
        self.start()
        client = self.client()
        stream = client.open(head(path=b"/gone"))
        self.assertTrue(self.origin.asked.wait(30))
        client.send(frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))
        self.assertTrue(self.origin.gone.wait(30))
        client.send(frame(PING, 0, 0, b"12345678"))
        self.assertIsNotNone(client.read_until_frame(PING))

    def test_a_client_that_goes_cancels_its_requests(self):
        self.start()
        client = self.client()
        client.open(head(path=b"/gone"))
        self.assertTrue(self.origin.asked.wait(30))
        client.close()
        self.assertTrue(self.origin.gone.wait(30))

    def test_an_early_answer_ends_the_upload(self):
        self.start()
        self.proxy.reload(CONFIG % ("http1", self.origin.port) + """---
kind: Route
name: none
paths: [/none]
plugins: {respond: {status: 403, body: no}}
""")
        client = self.client()
        stream = client.open(head(method=b"POST", path=b"/none"), end=False)
        self.assertEqual(client.read_until_frame(HEADERS, stream=stream).status, 403)
        got = client.read_until_frame(RST_STREAM, stream=stream)
        self.assertEqual(got.code, NO_ERROR)

    # --- Back-pressure ---

    def test_a_slow_reader_does_not_stop_the_others(self):
        self.start()
        client = self.client()
        # The connection's window is wide, this stream's stays as it began.
        client.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 24)))
        slow = client.open(head(path=b"/big"))
        got = 0
        while got < 65535:
            got += len(client.read_until_frame(DATA, stream=slow).payload)
        for _ in range(20):
            stream = client.open(head(path=b"/x"))
            client.read_until_frame(HEADERS, stream=stream)
        # Nothing was lost by waiting.
        client.send(frame(WINDOW_UPDATE, 0, slow, struct.pack(">I", 1 << 24)))
        while got < len(BIG):
            got += len(client.read_until_frame(DATA, stream=slow).payload)
        self.assertEqual(got, len(BIG))

    def test_a_slow_upload_does_not_stop_the_others_and_is_bounded(self):
        self.start()
        client = self.client()
        # The origin reads nothing of it.
        slow = client.open(head(method=b"POST", path=b"/gone"), end=False)
        client.send(frame(DATA, 0, slow, b"x" * 16384))
        other = client.open(head(method=b"POST", path=b"/echo"), end=False)
        client.send(frame(DATA, END_STREAM, other, b"hello"))
        self.assertEqual(client.finish(other), (200, b"hello"))

    def test_a_client_that_says_nothing_is_asked(self):
        self.start()
        client = self.client()
        client.open(head(path=b"/wait"))
        got = client.read_until_frame(PING)
        self.assertEqual(got.flags & ACK, 0)
        client.send(frame(PING, ACK, 0, got.payload))
        self.origin.may_answer.set()
        self.assertIsNotNone(client.read_until_frame(HEADERS))

    # --- Drain ---

    def test_drain_lets_requests_end_and_refuses_none_before_the_client_knows(self):
        self.start()
        client = self.client()
        stream = client.open(head(path=b"/wait"))
        self.assertTrue(self.origin.asked.wait(30))
        self.proxy.signal(signal.SIGTERM)
        notice = client.read_until_frame(GOAWAY)
        self.assertEqual(struct.unpack(">I", notice.payload[:4])[0], 0x7fffffff)
        # Sent before the client saw it: still served.
        late = client.open(head(path=b"/late"))
        ping = client.read_until_frame(PING)
        client.send(frame(PING, ACK, 0, ping.payload))
        last = client.read_until_frame(GOAWAY)
        self.assertEqual(struct.unpack(">I", last.payload[:4])[0], late)
        self.origin.may_answer.set()
        self.assertIsNotNone(client.read_until_frame(HEADERS, stream=stream))
        self.assertIsNone(client.read_until_frame(GOAWAY))
        self.assertEqual(self.proxy.wait(), 0)


if __name__ == "__main__":
    unittest.main()
