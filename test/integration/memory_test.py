"""How much memory the proxy takes: for connections that idle, for bodies of any size, and for what
lasts long while the configuration changes."""

import json
import os
import socket
import subprocess
import threading
import time
import unittest

from harness.allocations import Allocations
from harness.process import Proxy, free_port, runfile, wait_until
from harness.raw import Client, Server
from harness.tls import Authority, TlsClient

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
---
kind: Upstream
name: up
endpoints: [{address: "127.0.0.1:%d"}]
---
kind: Route
name: all
upstream: up
"""


class IdleConnections:
    """So many connections to `port`, each of which has carried a request, until closed."""

    def __init__(self, port, upstream, connections, extra=()):
        # Several addresses: one has 28,000 ports, of which others use some.
        self._process = subprocess.Popen(
            [runfile("tools/bench/hairpin/hairpin"), "--idle", "--target", "127.0.0.1:%d" % port,
             "--upstream", "127.0.0.1:%d" % upstream, "--connections", str(connections),
             "--source-addresses", "8", *extra],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.report = json.loads(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class IdleCase(unittest.TestCase):
    CONNECTIONS = 9000 if os.sysconf("SC_OPEN_MAX") < 10500 else 10000

    def hold(self, connections, *extra):
        held = IdleConnections(self.proxy.port, self.upstream_port, connections, extra)
        self.addCleanup(held.close)
        self.assertEqual(held.report, {"idle": connections, "failed": 0})
        return held


class IdleConnectionTest(IdleCase):
    def test_an_idle_connection_costs_512_bytes_of_heap_and_1_kib_resident(self):
        allocations = Allocations()
        self.addCleanup(allocations.close)
        self.upstream_port = free_port()
        self.proxy = Proxy(CONFIG % self.upstream_port, environment=allocations.environment())
        self.addCleanup(self.proxy.stop)
        # What is paid once, whatever the number.
        self.hold(100).close()
        heap = allocations.live_bytes()
        resident = self.proxy.memory("VmRSS")
        self.hold(self.CONNECTIONS)
        heap = (allocations.live_bytes() - heap) / self.CONNECTIONS
        resident = (self.proxy.memory("VmRSS") - resident) / self.CONNECTIONS
        print("an idle connection: %.0f B of heap, %.0f B resident" % (heap, resident))
        self.assertLessEqual(heap, 512)
        self.assertLessEqual(resident, 1024)


class IdleTlsConnectionTest(IdleCase):
    def measure(self, version):
        authority = Authority()
        self.addCleanup(authority.close)
        self.upstream_port = free_port()
        self.proxy = Proxy((CONFIG % self.upstream_port).replace(
            "{port}", "{port}\ntls: {certificates: [a]}", 1) +
            "---\nkind: Route\nname: here\npaths: [/here]\nplugins: {respond: {status: 204}}\n" +
            authority.issue("a", "DNS:a.example").yaml("a"))
        self.addCleanup(self.proxy.stop)
        options = ("--tls", version, "--host", "a.example", "--timeout", "60s")
        self.hold(100, *options).close()
        resident = self.proxy.memory("VmRSS")
        self.hold(self.CONNECTIONS, *options)
        resident = (self.proxy.memory("VmRSS") - resident) / self.CONNECTIONS
        print("an idle connection with TLS %s: %.0f B resident" % (version, resident))
        self.assertLessEqual(resident, 6 * 1024)
        self.assert_served(authority)

    def assert_served(self, authority):
        """Who comes while they are there."""
        with TlsClient(self.proxy.port, authority, "a.example") as client:
            client.send(b"GET /here HTTP/1.1\r\nHost: a.example\r\n\r\n")
            self.assertEqual(client.response().status, 204)

    def test_with_tls_1_3_it_costs_6_kib_resident(self):
        self.measure("1.3")

    def test_with_tls_1_2_it_costs_6_kib_resident(self):
        self.measure("1.2")


class Content:
    """Bytes to send without copying them through Python."""

    SIZE = 16 << 20

    def __init__(self):
        self._fd = os.memfd_create("content")
        os.write(self._fd, os.urandom(4096) * (self.SIZE // 4096))

    def send(self, connection, size):
        connection.setblocking(True)
        while size > 0:
            offset = -size % self.SIZE
            size -= os.sendfile(connection.fileno(), self._fd, offset,
                                min(size, self.SIZE - offset))

    def close(self):
        os.close(self._fd)


def discard(connection, size):
    """Reads so many bytes and drops them in the kernel."""
    nowhere = bytearray(1 << 20)
    while size > 0:
        got = connection.recv_into(nowhere, min(size, len(nowhere)), socket.MSG_TRUNC)
        if got == 0:
            raise EOFError("%d bytes are missing" % size)
        size -= got


class TransferTest(unittest.TestCase):
    SIZE = int(os.environ.get("SLUICE_TRANSFER_BYTES", 1 << 30))
    LIMIT = 64 << 20
    SLOW_RATE = 1_000_000

    def setUp(self):
        self.content = Content()
        self.addCleanup(self.content.close)
        upstream = Server(self.serve)
        self.addCleanup(upstream.close)
        self.proxy = Proxy(CONFIG % upstream.port, workers=2)
        self.addCleanup(self.proxy.stop)
        self.whole = []

    def serve(self, server, connection):
        """GET is answered with SIZE bytes; of anything else the body is dropped."""
        while True:
            head = connection.read_until(b"\r\n\r\n")
            if head.startswith(b"GET "):
                connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % self.SIZE)
                self.content.send(connection.socket, self.SIZE)
                continue
            discard(connection.socket, self.SIZE - len(connection.buffer))
            connection.buffer = b""
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    def download(self, begin=lambda client, size: size):
        """`begin` may read a part of the body its own way; it returns how much is left."""
        with Client(self.proxy.port, timeout=120) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").read_until(b"\r\n\r\n")
            left = begin(client, self.SIZE - len(client.buffer))
            discard(client.socket, left)
        self.whole.append("down")

    def upload(self):
        with Client(self.proxy.port, timeout=120) as client:
            client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % self.SIZE)
            self.content.send(client.socket, self.SIZE)
            self.assertEqual(client.response().body, b"ok")
        self.whole.append("up")

    def read_slowly(self, until, client, size):
        """At SLOW_RATE, until told; the rest may come as fast as it can."""
        began = time.monotonic()
        read = 0
        while not until.wait(max(0, began + read / self.SLOW_RATE - time.monotonic())):
            piece = min(100_000, size - read)
            discard(client.socket, piece)
            read += piece
        self.slow_seconds = time.monotonic() - began
        return size - read

    def test_eight_transfers_of_1_gib_at_once_stay_under_64_mib(self):
        others_done = threading.Event()
        slow = threading.Thread(target=lambda: self.download(
            lambda client, size: self.read_slowly(others_done, client, size)))
        others = [threading.Thread(target=self.upload if i % 2 else self.download)
                  for i in range(7)]
        began = time.monotonic()
        for thread in [slow] + others:
            thread.start()
        for thread in others:
            thread.join()
        seconds = time.monotonic() - began
        # Long enough for a queue in front of the slow reader to show.
        time.sleep(max(0, 5 - seconds))
        peak = self.proxy.memory("VmHWM")
        others_done.set()
        slow.join()
        print("seven transfers took %.1f s, the eighth read at 1 MB/s for %.1f s; at most %.1f MiB "
              "resident" % (seconds, self.slow_seconds, peak / (1 << 20)))
        self.assertEqual(sorted(self.whole), ["down"] * 5 + ["up"] * 3)
        self.assertLess(peak, self.LIMIT)


class LongLivedTest(unittest.TestCase):
    """Each kept all the endpoints of the configuration in which it began."""

    CHANGES = 10
    ENDPOINTS = 300

    def setUp(self):
        self.upstream = Server(self.begin)
        self.addCleanup(self.upstream.close)
        self.stream_port = free_port()
        allocations = Allocations()
        self.addCleanup(allocations.close)
        self.live_bytes = allocations.live_bytes
        self.proxy = Proxy(self.config(0), environment=allocations.environment())
        self.addCleanup(self.proxy.stop)

    def begin(self, server, connection):
        """Answers with a head and a byte, whoever asks, and no more."""
        server.read_request(connection)
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nx")
        connection.read_to_end()

    def config(self, number):
        """One whose endpoints take 1 MB and more."""
        labels = ", ".join("l%d: %s" % (i, "abcdefghij"[number] * 200) for i in range(16))
        others = "".join('\n- {address: "10.0.%d.%d:80", weight: 0, labels: {%s}}' % (
            i // 250, i % 250, labels) for i in range(self.ENDPOINTS))
        return CONFIG.replace("[{address: \"127.0.0.1:%d\"}]",
                              "\n- {address: \"127.0.0.1:%d\"}" + others) % self.upstream.port + (
            "---\nkind: Listener\nname: raw\naddress: 127.0.0.1:%d\nprotocol: tcp\n"
            "---\nkind: StreamRoute\nname: raw\nupstream: up\n" % self.stream_port)

    def test_what_lasts_keeps_its_endpoint_and_no_other(self):
        self.proxy.reload(self.config(1))
        before = self.live_bytes()
        for number in range(2, 2 + self.CHANGES):
            for port in (self.proxy.port, self.stream_port):
                client = Client(port)
                self.addCleanup(client.close)
                client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").read_until(b"\r\n\r\nx")
            self.proxy.reload(self.config(number % 10))
        # One set may be on its way in or out, and each connection has its buffers.
        limit = 3 * self.ENDPOINTS * 16 * 200
        wait_until(lambda: self.live_bytes() - before < limit, "endpoints to go")


if __name__ == "__main__":
    unittest.main()
