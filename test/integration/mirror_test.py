"""Copies of requests: what they hold, and that nothing that becomes of them reaches the client."""

import threading
import unittest

from harness.h2 import DATA, END_STREAM, Http2Client, frame, head
from harness.process import Proxy, free_port, wait_until
from harness.raw import Client, Server

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
---
kind: Upstream
name: up
endpoints: [{address: "127.0.0.1:%(up)d"}]
---
kind: Upstream
name: shadow
host: shadow.internal
breakers: {requests: 3}
endpoints: [{address: "127.0.0.1:%(shadow)d"}]
---
kind: Upstream
name: nobody
endpoints: [{address: "127.0.0.1:%(nobody)d"}]
---
kind: Upstream
name: versions
subsets: {selectors: [{labels: [v]}]}
endpoints:
- {address: "127.0.0.1:%(nobody)d", labels: {v: "1"}}
- {address: "127.0.0.1:%(shadow)d", labels: {v: "2"}}
---
kind: Route
name: versions
paths: [/versions]
upstream: up
mirrors: [{upstream: versions, subset: {v: "header:x-v"}}]
---
kind: Route
name: all
upstream: up
mirrors: [{upstream: shadow}, {upstream: nobody, percent: 100%%}]
plugins:
  headers: {request: {set: {x-added: "1"}}}
---
kind: Route
name: short
paths: [/short]
upstream: up
mirrors: [{upstream: shadow}]
timeout: 5s
---
kind: Route
name: never
paths: [/never]
upstream: up
mirrors: [{upstream: shadow, percent: 0%%}]
---
kind: Route
name: whole
paths: [/whole]
upstream: up
mirrors: [{upstream: shadow}]
plugins:
  buffering: {request: 64KiB}
"""

POST = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


class MirrorTest(unittest.TestCase):
    def setUp(self):
        self.copies = []  # Head and body.
        self.hang = threading.Event()
        self.addCleanup(self.hang.set)
        self.is_hanging = False
        self.up = Server()
        self.shadow = Server(self.record)
        for server in (self.up, self.shadow):
            self.addCleanup(server.close)
        self.proxy = Proxy(CONFIG % {"up": self.up.port, "shadow": self.shadow.port,
                                     "nobody": free_port()})
        self.addCleanup(self.proxy.stop)
        self.client = Client(self.proxy.port)
        self.addCleanup(self.client.close)

    def record(self, server, connection):
        while True:
            if self.is_hanging:
                self.hang.wait(30)
                return
            self.copies.append(server.read_request(connection))
            connection.send(b"HTTP/1.1 500 Oops\r\ncontent-length: 6\r\n\r\nshadow")

    def counted(self, result, upstream="shadow"):
        return self.proxy.metric(
            'sluice_upstream_mirrored_total{upstream="%s",result="%s"}' % (upstream, result))

    def wait_counted(self, result, count, upstream="shadow"):
        wait_until(lambda: self.counted(result, upstream) == count,
                   "%d copies that were %s" % (count, result))

    def post(self, path, body):
        return self.client.send(POST % (path, len(body)) + body).response()

    def test_a_copy_is_what_the_upstream_gets_but_for_the_host(self):
        response = self.post(b"/x?q=1", b"hello")
        self.assertEqual((response.status, response.body), (200, b"hello"))
        self.wait_counted("answered", 1)
        self.wait_counted("failed", 1, "nobody")
        copy, body = self.copies[0]
        self.assertEqual(body, b"hello")
        original = self.up.requests[0]
        self.assertIn(b"\r\nhost: a\r\n", original)
        self.assertIn(b"\r\nx-added: 1\r\n", original)
        self.assertEqual(copy, original.replace(b"\r\nhost: a\r\n", b"\r\nhost: shadow.internal\r\n"))

    def test_a_request_without_a_body_is_copied_and_connections_are_kept(self):
        for i in range(3):
            self.client.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % i)
            self.assertEqual(self.client.response().status, 200)
            self.wait_counted("answered", i + 1)
        self.assertEqual([copy[0].split(b" ")[1] for copy in self.copies], [b"/0", b"/1", b"/2"])
        self.assertEqual(self.shadow.connections, 1)

    def test_a_body_that_a_plugin_collects_is_copied_whole(self):
        self.assertEqual(self.post(b"/whole", b"y" * 50_000).body, b"y" * 50_000)
        self.wait_counted("answered", 1)
        self.assertEqual(self.copies[0][1], b"y" * 50_000)

    def test_chunks_and_trailers_are_copied(self):
        self.client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(50):
            self.client.send(b"5\r\nab%03d\r\n" % i)
        self.client.send(b"0\r\nX-Sum: 1\r\n\r\n")
        body = b"".join(b"ab%03d" % i for i in range(50))
        self.assertEqual(self.client.response().body, body)
        self.wait_counted("answered", 1)
        self.assertEqual(self.copies[0][1], body)

    def test_a_client_in_http2_is_copied_too(self):
        with Http2Client(self.proxy.port) as client:
            stream = client.open(head(b"POST"), end=False)
            client.send(frame(DATA, END_STREAM, stream, b"two"))
            self.assertEqual(client.finish(stream), (200, b"two"))
        self.wait_counted("answered", 1)
        self.assertEqual(self.copies[0][1], b"two")

    def test_copies_go_to_a_subset_of_their_own(self):
        for i in range(4):
            self.client.send(b"GET /versions HTTP/1.1\r\nHost: a\r\nX-V: 2\r\n\r\n")
            self.assertEqual(self.client.response().status, 200)
            self.wait_counted("answered", i + 1, "versions")
        self.client.send(b"GET /versions HTTP/1.1\r\nHost: a\r\nX-V: 1\r\n\r\n")
        self.assertEqual(self.client.response().status, 200)
        self.wait_counted("failed", 1, "versions")

    def test_percent_0_copies_nothing(self):
        self.assertEqual(self.post(b"/never", b"x").status, 200)
        self.assertEqual(self.post(b"/", b"x").status, 200)
        self.wait_counted("answered", 1)
        self.assertEqual(len(self.copies), 1)

    def test_copies_that_hang_slow_nobody_and_are_bounded(self):
        self.is_hanging = True
        for _ in range(10):
            self.assertEqual(self.post(b"/short", b"x").status, 200)
        # Three may be under way: the breaker of their upstream, and only that, keeps the others
        # out. The route's timeout ends those that are under way.
        wait_until(lambda: self.counted("dropped") + self.counted("failed") == 10, "all copies")
        self.assertGreaterEqual(self.counted("failed"), 3)
        self.assertGreater(self.counted("dropped"), 0)

    def test_a_copy_that_falls_behind_is_cut(self):
        self.is_hanging = True
        self.shadow.limit_receive_buffer(65536)
        body = b"z" * 8_000_000  # More than kernels hold between the two.
        sender = threading.Thread(target=self.client.send, args=(POST % (b"/", len(body)) + body,))
        sender.start()
        response = self.client.response()
        sender.join()
        self.assertEqual((response.status, response.body == body), (200, True))
        self.wait_counted("cut", 1)

    def test_a_copy_ends_with_a_client_that_gives_up(self):
        with Client(self.proxy.port) as client:
            client.send(POST % (b"/", 100) + b"some")
            wait_until(lambda: self.shadow.connections == 1, "the copy")
        self.wait_counted("cut", 1)

    def test_the_proxy_ends_with_copies_under_way(self):
        self.is_hanging = True
        self.assertEqual(self.post(b"/", b"x").status, 200)
        self.client.close()
        self.proxy.terminate()
        self.assertEqual(self.proxy.wait(), 0)


if __name__ == "__main__":
    unittest.main()
