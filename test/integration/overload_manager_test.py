"""Short of memory, the proxy does with less, then serves what matters most, and recovers."""

import json
import os
import socket
import tempfile
import unittest

from harness.h2 import NO_ERROR, Http2Client
from harness.memory_group import MemoryGroup
from harness.process import Proxy, bounds_memory, wait_until
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
name: low
paths: [/low]
upstream: up
shed_priority: low
---
kind: Route
name: normal
paths: [/normal]
upstream: up
---
kind: Route
name: high
paths: [/high]
upstream: up
shed_priority: high
---
kind: Route
name: large
paths: [/large]
upstream: up
"""

MEBIBYTE = 1 << 20


def send_forever(server, connection):
    """Answers /large with a body that never ends."""
    while True:
        head, _ = server.read_request(connection)
        if b" /large " not in head:
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            continue
        connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            connection.send(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")


class OverloadManagerCase(unittest.TestCase):
    def start(self, *extra, group=None):
        self.upstream = Server(send_forever)
        self.addCleanup(self.upstream.close)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.state = directory.name
        self.proxy = Proxy(CONFIG % self.upstream.port, workers=2,
                           extra=("--state-dir", self.state, *extra), group=group)
        self.addCleanup(self.proxy.stop)

    def press(self, percent):
        """As if so much of the memory were used; the answer's status."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(os.path.join(self.state, "admin.sock"))
            s.sendall(b"POST /overload?pressure=%s HTTP/1.0\r\n\r\n" % str(percent).encode())
            return int(s.recv(4096).split(b" ")[1])

    def actions(self):
        return json.loads(self.proxy.page("/overload"))["actions"]

    def press_until(self, percent, *actions):
        self.assertEqual(self.press(percent), 200)
        wait_until(lambda: self.actions() == list(actions), "%s at %d%%" % (actions, percent))
        self.settle()

    def settle(self):
        """Until the workers, who are told later than the page, do what it says."""
        self.proxy.wait_for_line("overload: ")
        self.proxy.page("/clusters")  # Answered by each of them, in its turn.

    def ask(self, path):
        with Client(self.proxy.port) as client:
            return client.send(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path).response()

    def statuses(self):
        return [self.ask(path).status for path in (b"/low", b"/normal", b"/high")]


class LevelTest(OverloadManagerCase):
    def setUp(self):
        self.start()

    def test_requests_are_shed_by_their_routes_priority_and_served_again(self):
        self.assertEqual(self.statuses(), [200, 200, 200])
        self.press_until(91, "shrink", "end_keep_alive", "shed_low")
        self.assertEqual(self.statuses(), [503, 200, 200])
        shed = self.ask(b"/low")
        self.assertEqual(shed.headers["retry-after"], "1")
        self.assertIn("overload", shed.headers["proxy-status"])
        self.press_until(95, "shrink", "end_keep_alive", "shed_low", "shed_normal")
        self.assertEqual(self.statuses(), [503, 503, 200])
        # Less by one per cent than where it begins is not yet its end.
        self.press_until(89, "shrink", "end_keep_alive", "shed_low", "shed_normal")
        self.press_until(0)
        self.assertEqual(self.statuses(), [200, 200, 200])
        metric = self.proxy.metric
        self.assertEqual(metric('sluice_local_replies_total{details="overload"}'), 4)
        self.assertEqual(metric('sluice_overload_action_active{action="shed_low"}'), 0)
        self.assertGreater(metric('sluice_overload_pressure_ratio{resource="memory"}'), 0)

    def test_idle_connections_are_closed_and_the_others_end_with_their_response(self):
        with Client(self.proxy.port) as idle:
            self.assertEqual(idle.send(b"GET /low HTTP/1.1\r\nHost: a\r\n\r\n").response().status,
                             200)
            self.press_until(86, "shrink", "end_keep_alive")
            self.assertTrue(idle.is_closed())
        self.assertEqual(self.ask(b"/low").headers["connection"], "close")
        with Http2Client(self.proxy.port) as client:
            self.assertEqual(client.get(b"/low")[0], 200)
            self.assertEqual(client.goaway_code(), NO_ERROR)
        self.press_until(0)
        self.assertNotIn("connection", self.ask(b"/low").headers)

    def test_connections_wait_while_none_is_accepted_and_are_served_then(self):
        self.press_until(97, "shrink", "end_keep_alive", "shed_low", "shed_normal",
                         "stop_accepting")
        with Client(self.proxy.port) as waiting:
            waiting.send(b"GET /high HTTP/1.1\r\nHost: a\r\n\r\n")
            waiting.socket.settimeout(1)
            with self.assertRaises(socket.timeout):
                waiting.response()
            waiting.socket.settimeout(60)
            self.press_until(0)
            self.assertEqual(waiting.response().status, 200)

    def test_at_the_end_every_request_is_refused(self):
        with Client(self.proxy.port) as busy:
            # Accepted before: it is not idle.
            busy.send(b"GET /high HTTP/1.1\r\n")
            wait_until(lambda: self.proxy.metric(
                'sluice_connections_active{listener="public"}') == 1, "the connection")
            self.press_until(100, "shrink", "end_keep_alive", "shed_low", "shed_normal",
                             "stop_accepting", "shed_all")
            self.assertEqual(busy.send(b"Host: a\r\n\r\n").response().status, 503)

    def test_pressure_that_is_no_share_is_refused(self):
        for nonsense in ("", "-1", "101", "much", "nan"):
            self.assertEqual(self.press(nonsense), 400)


class LimitTest(OverloadManagerCase):
    def read_slowly_until_it_has_to_act(self):
        self.upstream.limit_receive_buffer(4096)
        readers = []
        self.addCleanup(lambda: [reader.close() for reader in readers])

        def add_reader():
            reader = socket.socket()
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.settimeout(1)
            readers.append(reader)
            try:
                reader.connect(("127.0.0.1", self.proxy.port))
                reader.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            except OSError:
                pass
        # Each holds up to a quarter of a MiB as long as there is no pressure.
        while not self.actions():
            add_reader()
            self.assertLess(len(readers), 2000)
        for _ in range(200):
            add_reader()
        return readers

    def check_recovery(self, readers):
        for reader in readers:
            reader.close()
        wait_until(lambda: not self.actions(), "it to recover", 60)
        self.assertEqual(self.statuses(), [200, 200, 200])

    def memory(self):
        return json.loads(self.proxy.page("/overload"))["memory"]

    @bounds_memory
    def test_slow_readers_keep_it_below_the_limit_and_others_are_served(self):
        self.start("--memory-limit", "96MiB", "--buffer-memory", "512MiB")
        self.assertEqual(self.memory()["source"], "--memory-limit")
        readers = self.read_slowly_until_it_has_to_act()
        self.assertLess(self.proxy.memory("VmHWM"), 96 * MEBIBYTE)
        self.check_recovery(readers)

    @bounds_memory
    def test_the_kernel_never_has_to_kill_in_a_control_group(self):
        group = MemoryGroup(96 * MEBIBYTE)
        self.addCleanup(group.close)
        self.start("--buffer-memory", "512MiB", group=group)
        self.assertTrue(self.memory()["source"].endswith(group.limit_file), self.memory())
        wait_until(lambda: self.memory()["limit"] == 96 * MEBIBYTE, "the limit to be read")
        readers = self.read_slowly_until_it_has_to_act()
        self.assertFalse(group.killed())
        self.check_recovery(readers)

    def test_without_protection_there_is_none(self):
        self.start("--no-overload-protection")
        self.assertEqual(self.press(100), 409)
        self.assertEqual(self.statuses(), [200, 200, 200])


if __name__ == "__main__":
    unittest.main()
