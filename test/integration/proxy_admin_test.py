"""The proxy's two admin interfaces: pages that are read over HTTP, and actions by a socket in the
state directory."""

import http.client
import json
import os
import socket
import stat
import tempfile
import unittest

from harness.process import FleetProxy, Process, Proxy, free_port, runfile, wait_until
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
"""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def call(connection, method, target, headers=None):
    """Status and text of one request."""
    try:
        connection.request(method, target, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class ControlSocketTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.state = os.path.join(directory.name, "a" * 100)  # Longer than a socket's address.
        self.path = os.path.join(directory.name, "short")
        os.symlink(self.state, self.path)
        self.path = os.path.join(self.path, "admin.sock")
        self.proxy = self.start()

    def start(self):
        # It follows a control plane that is not there: actions need none.
        proxy = FleetProxy(free_port(), self.state, "edge")
        self.addCleanup(proxy.stop)
        wait_until(self.is_listening, "the socket")
        return proxy

    def is_listening(self):
        with socket.socket(socket.AF_UNIX) as attempt:
            return attempt.connect_ex(self.path) == 0

    def act(self, target, method="POST"):
        return call(UnixConnection(self.path), method, target)

    def test_only_its_owner_may_use_it(self):
        mode = os.stat(self.path).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)

    def test_the_log_level_is_changed_while_it_runs(self):
        self.assertEqual(self.act("/log-level?level=error"), (200, "log level error, was info\n"))
        self.assertEqual(self.act("/log-level?level=debug"), (200, "log level debug, was error\n"))
        status, text = self.act("/log-level?level=loud")
        self.assertEqual(status, 400)
        self.assertIn('want debug, info, warning or error, got "loud"', text)
        self.assertEqual(self.act("/log-level")[0], 400)

    def test_drain_does_what_a_signal_does(self):
        self.assertEqual(self.act("/drain"), (202, "draining\n"))
        self.assertEqual(self.proxy.wait(), 0)
        self.assertTrue(any("drained" in line for line in self.proxy.lines))

    def test_actions_are_not_taken_by_get(self):
        for method in ("GET", "HEAD", "PUT"):
            self.assertEqual(self.act("/drain", method)[0], 405, method)
        self.assertEqual(self.act("/nothing")[0], 404)
        self.assertIsNone(self.proxy.process.poll())

    def test_the_socket_of_a_process_that_was_killed_is_replaced(self):
        self.proxy.stop()
        self.assertTrue(os.path.exists(self.path))
        self.assertFalse(self.is_listening())
        self.start()
        self.assertEqual(self.act("/log-level?level=info")[0], 200)


class AdminPagesTest(unittest.TestCase):
    def setUp(self):
        self.upstream = Server()
        self.addCleanup(self.upstream.close)

    def start(self, *extra):
        proxy = Proxy(CONFIG % self.upstream.port, extra=extra)
        self.addCleanup(proxy.stop)
        return proxy

    def get(self, proxy, target, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", proxy.admin_port, timeout=60)
        return call(connection, method, target, headers)

    def test_a_host_that_is_not_ours_is_refused(self):
        proxy = self.start()
        for host in ("evil.example", "evil.example:9490", "10.1.2.3", "[2001:db8::1]:80"):
            status, text = self.get(proxy, "/config", Host=host)
            self.assertEqual(status, 403, host)
            self.assertIn("--admin-allowed-host", text)
        own = [socket.gethostname(), "localhost", "LOCALHOST:9490", "127.0.0.1", "[::1]:1"]
        for host in own:
            self.assertEqual(self.get(proxy, "/ready", Host=host)[0], 200, host)

    def test_a_name_that_was_allowed_is_answered(self):
        proxy = self.start("--admin-allowed-host", "Edge.example")
        self.assertEqual(self.get(proxy, "/ready", Host="edge.example:9490")[0], 200)
        self.assertEqual(self.get(proxy, "/ready", Host="other.example")[0], 403)

    def test_a_probe_of_http_1_0_without_a_host_is_answered(self):
        with Client(self.start().admin_port) as client:
            response = client.send(b"GET /ready HTTP/1.0\r\n\r\n").response()
            self.assertEqual(response.status, 200)

    def test_a_long_page_comes_whole_and_keeps_nobody_waiting(self):
        config = CONFIG % self.upstream.port
        for i in range(4):
            config += "---\nkind: Upstream\nname: many%d\nendpoints: [%s]\n" % (i, ", ".join(
                '{address: "10.%d.%d.%d:80", weight: 0}' % (i, j // 250, j % 250)
                for j in range(4096)))
        proxy = Proxy(config)
        self.addCleanup(proxy.stop)
        with Client(proxy.admin_port) as slow:
            slow.send(b"GET /clusters HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertEqual(self.get(proxy, "/live")[0], 200)
            clusters = json.loads(slow.response().body)["clusters"]
        self.assertEqual([len(c["endpoints"]) for c in clusters], [4096] * 4 + [1])
        with Client(proxy.admin_port) as old:
            old.send(b"GET /clusters HTTP/1.0\r\n\r\n")
            self.assertEqual(json.loads(old.response().body)["clusters"], clusters)
        self.assertIn("\nsluice_config_generation 1\n",
                      self.get(proxy, "/metrics")[1])
        self.assertEqual(self.get(proxy, "/clusters", method="HEAD"), (200, ""))

    def test_pages_take_no_actions(self):
        proxy = self.start()
        for target in ("/drain", "/log-level?level=debug"):
            self.assertEqual(self.get(proxy, target, method="POST")[0], 405)
            self.assertEqual(self.get(proxy, target)[0], 404)
        self.assertEqual(self.get(proxy, "/ready")[0], 200)

    def test_a_port_that_is_taken_is_told_with_the_flag_that_chooses_another(self):
        proxy = self.start()
        address = "127.0.0.1:%d" % proxy.admin_port
        second = Process([runfile("proxy/main/sluice-proxy"), "--config", proxy.path,
                          "--admin-listen", address])
        self.addCleanup(second.stop)
        second.wait_for_line("--admin-listen: %s: Address already in use" % address)
        self.assertNotEqual(second.wait(), 0)

    def test_with_a_file_there_is_a_socket_only_if_there_is_a_state_directory(self):
        with tempfile.TemporaryDirectory() as directory:
            proxy = self.start("--state-dir", directory, "--drain-timeout", "60s")
            path = os.path.join(directory, "admin.sock")
            with Client(proxy.port) as client:
                self.assertEqual(client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").response().status,
                                 200)
                self.assertEqual(call(UnixConnection(path), "POST", "/drain")[0], 202)
                self.assertTrue(client.is_closed())
            self.assertEqual(proxy.wait(), 0)


if __name__ == "__main__":
    unittest.main()
