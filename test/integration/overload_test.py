"""Out of descriptors or of buffer memory the proxy sheds what it must, goes on, and recovers."""

import itertools
import os
import resource
import select
import socket
import threading
import time
import unittest

from harness.process import IS_SANITIZED, Proxy, wait_until
from harness.raw import Client, Server

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
timeout: 0s
"""

SMALL = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
MEBIBYTE = 1 << 20


def cpu_seconds(pid):
    """User and system time of a process."""
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class OverloadCase(unittest.TestCase):
    def start(self, serve=None, extra=()):
        self.upstream = Server(serve)
        self.addCleanup(self.upstream.close)
        self.proxy = Proxy(CONFIG % self.upstream.port, extra=extra)
        self.addCleanup(self.proxy.stop)

    def client(self):
        client = Client(self.proxy.port)
        self.addCleanup(client.close)
        return client

    def served(self):
        """Whether a new connection is served now."""
        try:
            with Client(self.proxy.port) as client:
                return client.send(SMALL).response().status == 200
        except (OSError, EOFError):
            return False

    def assert_does_not_spin(self):
        """What was on its way is dealt with, and then there is nothing to do."""
        def rests():
            before = cpu_seconds(self.proxy.pid)
            time.sleep(1)  # The span of the measurement.
            return cpu_seconds(self.proxy.pid) - before < 0.3
        wait_until(rests, "the proxy to rest")


class DescriptorTest(OverloadCase):
    def limit_descriptors(self, free):
        """Leaves the running proxy so many more: the limit is above the highest of their numbers."""
        used = self.open_descriptors()
        for _ in range(20):
            time.sleep(0.005)  # Files that are read now and then are open for microseconds.
            used &= self.open_descriptors()
        unused = (number for number in itertools.count() if number not in used)
        limit = next(itertools.islice(unused, free, None))
        _, hard = resource.prlimit(self.proxy.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.proxy.pid, resource.RLIMIT_NOFILE, (limit, hard))

    def open_descriptors(self):
        return {int(name) for name in os.listdir("/proc/%d/fd" % self.proxy.pid)}

    def free_descriptors(self):
        _, hard = resource.prlimit(self.proxy.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.proxy.pid, resource.RLIMIT_NOFILE, (hard, hard))

    def connect_in_vain(self, port):
        """A connection that nobody may ever accept."""
        s = socket.create_connection(("127.0.0.1", port))
        self.addCleanup(s.close)
        return s

    def test_without_descriptors_at_accept_it_serves_who_is_there_and_recovers(self):
        self.start()
        there = self.client()
        self.assertEqual(there.send(SMALL).response().status, 200)
        self.limit_descriptors(free=4)
        waiting = [self.connect_in_vain(self.proxy.port) for _ in range(100)]
        # The admin pages have a queue of their own, on another thread.
        waiting += [self.connect_in_vain(self.proxy.admin_port) for _ in range(10)]
        self.assert_does_not_spin()
        self.assertEqual(there.send(SMALL).response().status, 200)
        for s in waiting:
            s.close()
        wait_until(self.served, "a new connection to be served")
        self.free_descriptors()
        self.assertGreater(self.proxy.metric(
            'sluice_connections_rejected_total{listener="public",reason="overload"}'), 0)
        self.assertEqual(there.send(SMALL).response().status, 200)

    def test_without_a_descriptor_for_the_upstream_the_request_is_answered_and_the_next_is_served(self):
        self.start()
        client = self.client()
        client.send(b"GET")
        wait_until(lambda: self.proxy.metric('sluice_connections_active{listener="public"}') == 1,
                   "the connection to be accepted")
        # The scrape's connection may still be open, and its descriptor would do.
        wait_until(lambda: self.is_admin_idle(), "the scrape's end")
        self.limit_descriptors(free=0)
        response = client.send(SMALL[3:]).response()
        self.assertEqual(response.status, 503)
        self.assertIn("overload", response.headers["proxy-status"])
        self.free_descriptors()
        self.assertEqual(client.send(SMALL).response().status, 200)
        self.assertEqual(self.proxy.metric(
            'sluice_upstream_connect_failures_total{upstream="up",reason="other"}'), 1)
        # The endpoint was not to blame.
        self.assertEqual(self.proxy.metric(
            'sluice_upstream_endpoint_failures_total{upstream="up"}'), 0)

    def is_admin_idle(self):
        """Whether the proxy holds no connection to the admin port: neither one that is open, nor one
        that the other side has closed."""
        open_states = (" 01 ", " 08 ")  # ESTABLISHED and CLOSE_WAIT.
        with open("/proc/net/tcp") as f:
            return not any((" 0100007F:%04X " % self.proxy.admin_port) in line
                           and any(state in line for state in open_states) for line in f)


def send_forever(server, connection):
    """Answers with a body that never ends."""
    connection.read_until(b"\r\n\r\n")
    connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        connection.send(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")


class MemoryTest(OverloadCase):
    BUDGET = 8 * MEBIBYTE
    EXTRA = ("--buffer-memory", "8MiB")

    def start_with_small_and_large(self):
        """/ is answered at once, /large with a body without end; what is PUT is never read."""
        self.forever = threading.Event()
        self.addCleanup(self.forever.set)

        def serve(server, connection):
            while True:
                head = connection.read_until(b"\r\n\r\n")
                if head.startswith(b"PUT"):
                    self.forever.wait(120)
                    return
                if b" /large " in head:
                    connection.buffer = head
                    return send_forever(server, connection)
                connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        self.start(serve, self.EXTRA)
        # What the kernel holds is not the proxy's.
        self.upstream.limit_receive_buffer(4096)

    def slow_reader(self):
        """Asks for the body without end and reads nothing of it, with little room in the kernel."""
        client = Client.__new__(Client)
        client.buffer = b""
        client.socket = socket.socket()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.socket.settimeout(60)
        client.socket.connect(("127.0.0.1", self.proxy.port))
        self.addCleanup(client.close)
        return client.send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")

    def assert_sheds_and_goes_on(self):
        wait_until(lambda: self.proxy.metric("sluice_connections_shed_total") > 0, "it to shed")
        self.assertGreater(self.proxy.metric('sluice_local_replies_total{details="overload"}'), 0)
        # Who comes now is served: an eighth is free.
        wait_until(self.served, "a small request to be served")
        self.assert_does_not_spin()
        # What clients had sent before may fill it once more.
        wait_until(self.served, "a small request to be served again")
        self.assertLess(self.proxy.metric("sluice_buffer_bytes"), self.BUDGET)
        if not IS_SANITIZED:
            self.assertLess(self.proxy.memory("VmHWM"), 64 * MEBIBYTE)

    def test_clients_that_do_not_read_are_cut_before_they_hold_too_much(self):
        self.start_with_small_and_large()
        readers = [self.slow_reader() for _ in range(200)]
        self.assert_sheds_and_goes_on()
        # Whose transfer was cut sees it; the others go on.
        self.assertTrue(any(is_over(reader) for reader in readers))
        self.assertFalse(all(is_over(reader) for reader in readers))

    def test_uploads_that_the_upstream_does_not_read_are_answered_503(self):
        self.start_with_small_and_large()
        stop, statuses = threading.Event(), []
        # Enough that 32 KiB of each are too much, so that it does not depend on who is how fast.
        uploads = [self.client().send(
            b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (1 << 30))
                   for _ in range(300)]
        going_on = {client.socket: client for client in uploads}
        for client in uploads:
            client.socket.setblocking(False)

        def upload():
            piece = b"x" * 65536
            while going_on and not stop.is_set():
                readable, writable, _ = select.select(going_on, going_on, [], 1)
                for s in {*readable, *writable}:
                    try:
                        if s in readable:
                            s.settimeout(60)
                            statuses.append(going_on.pop(s).response().status)
                        else:
                            s.send(piece)
                    except (OSError, EOFError):
                        going_on.pop(s, None)  # Cut, and its answer with it.
        uploading = threading.Thread(target=upload)
        uploading.start()
        try:
            # The first may have found no memory to begin with, and no upload cut yet.
            wait_until(lambda: statuses and self.proxy.metric("sluice_connections_shed_total") > 0,
                       "uploads to be shed and answered", 60)
        finally:
            stop.set()
            uploading.join()
        self.assertEqual(set(statuses), {503})
        self.assert_sheds_and_goes_on()

    def test_memory_comes_back_when_the_slow_are_gone(self):
        self.start_with_small_and_large()
        readers = [self.slow_reader() for _ in range(200)]
        wait_until(lambda: self.proxy.metric("sluice_connections_shed_total") > 0, "it to shed")
        for reader in readers:
            reader.close()
        # A scratch block and what the scrape itself needs.
        wait_until(lambda: self.proxy.metric("sluice_buffer_bytes") < 256 * 1024, "memory to come back")
        self.assertTrue(self.served())


def is_over(client):
    """Whether what comes ends, rather than being more than could lie anywhere on the way."""
    left = 16 * MEBIBYTE
    try:
        while left > 0:
            data = client.socket.recv(65536)
            if not data:
                return True
            left -= len(data)
    except ConnectionResetError:
        return True
    return False


if __name__ == "__main__":
    unittest.main()
