"""What a request costs once everything is warm: nothing from the heap, four data system calls."""

import collections
import contextlib
import re
import shutil
import subprocess
import tempfile
import unittest

from harness.allocations import Allocations, threads
from harness.process import Proxy
from harness.raw import Client, Server, once

LISTENER = """
kind: Listener
name: public
address: 127.0.0.1:{port}
%(listener)s
---
kind: Upstream
name: up
endpoints: [{address: "127.0.0.1:%(upstream)d"}]
"""

PLAIN = """
---
kind: Route
name: all
upstream: up
"""

# The chain of the benchmarks' W2: key, limit, access log; metrics are always counted.
WITH_PLUGINS = """
---
kind: Route
name: all
hosts: [shop.example]
paths: ["/users/{id}/orders"]
upstream: up
plugins:
  key_auth: {}
  limit_count: {count: 1000000000, window: 1h, key: consumer}
---
kind: Consumer
name: alice
credentials: {key_auth: [{key: s3cret}]}
"""

# Divided, kept by a cookie, and copied; a copy that is slow does not open another connection.
SPLIT = """
---
kind: Upstream
name: other
endpoints: [{address: "127.0.0.1:%(upstream)d"}]
---
kind: Upstream
name: shadow
breakers: {requests: 1}
endpoints: [{address: "127.0.0.1:%(upstream)d"}]
---
kind: Route
name: all
upstreams: [{upstream: other, when: {headers: {x-canary: yes}}}, {upstream: up}, {upstream: other}]
sticky: {cookie: lane}
mirrors: [{upstream: shadow}]
"""

SMALL = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
REALISTIC = (
    b"GET /users/8713/orders?page=2&sort=date HTTP/1.1\r\nHost: shop.example\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: de,en-US;q=0.7,en;q=0.3\r\nAccept-Encoding: gzip, deflate, br\r\n"
    b"Cookie: session=6d1f4b2a9c8e7f30516273849a0bccdd; theme=dark\r\n"
    b"ApiKey: s3cret\r\nReferer: https://shop.example/users/8713\r\n\r\n")
RESPONSE = (b"HTTP/1.1 200 OK\r\nDate: Mon, 06 Jul 2026 10:00:00 GMT\r\nServer: app\r\n"
            b"Content-Type: application/json\r\nContent-Length: 128\r\n"
            b"Cache-Control: no-store\r\n\r\n" + b"x" * 128)

# Enough for every table, pool and counter to have its size.
WARM_UP = 500


class SteadyStateTest(unittest.TestCase):
    def start(self, routes, listener="", environment=None):
        upstream = Server(once(RESPONSE))
        self.addCleanup(upstream.close)
        self.proxy = Proxy(
            LISTENER % {"upstream": upstream.port, "listener": listener} +
            routes.replace("%(upstream)d", str(upstream.port)),
            environment=environment)
        self.addCleanup(self.proxy.stop)
        client = Client(self.proxy.port)
        self.addCleanup(client.close)
        return client

    def exchange(self, client, request, times):
        for _ in range(times):
            self.assertEqual(client.send(request).response().status, 200)


class AllocationTest(SteadyStateTest):
    def start(self, routes, listener=""):
        self.allocations = Allocations()
        self.addCleanup(self.allocations.close)
        return super().start(routes, listener, self.allocations.environment())

    def count(self):
        return self.allocations.count(self.proxy.pid, "worker-")

    def assert_takes_nothing(self, client, request, most=0):
        self.exchange(client, request, WARM_UP)
        # Twice as many requests cost as much as many: nothing.
        for times in (1000, 2000):
            before = self.count()
            self.exchange(client, request, times)
            self.assertLessEqual(self.count() - before, most, "for %d requests" % times)

    def test_the_counter_counts_what_a_worker_takes(self):
        self.start(PLAIN)
        before = self.count()
        with Client(self.proxy.port) as client:
            self.exchange(client, SMALL, 1)
        self.assertGreater(self.count() - before, 0, "a connection's own memory")

    def test_a_plain_request_takes_nothing_from_the_heap(self):
        self.assert_takes_nothing(self.start(PLAIN), SMALL)

    def test_a_request_through_plugins_metrics_and_access_log_takes_nothing_from_the_heap(self):
        client = self.start(WITH_PLUGINS, "access_log: {path: /dev/null, format: json}")
        self.assert_takes_nothing(client, REALISTIC)

    def test_a_request_that_is_divided_and_copied_takes_nothing_from_the_heap(self):
        # A copy may end a turn later or earlier than its request: a block that the worker gave back
        # meanwhile may be needed after all.
        self.assert_takes_nothing(self.start(SPLIT), SMALL, most=10)

    def test_requests_on_many_connections_at_once_take_nothing_from_the_heap(self):
        clients = [self.start(PLAIN)] + [Client(self.proxy.port) for _ in range(15)]
        for client in clients[1:]:
            self.addCleanup(client.close)

        def rounds(times):
            for _ in range(times):
                for client in clients:
                    client.send(SMALL)
                for client in clients:
                    self.assertEqual(client.response().status, 200)
        rounds(WARM_UP)
        before = self.count()
        rounds(500)
        # Once a second the worker gives back blocks that it did not need, and may need them after
        # all: so few that no request can be said to take any.
        self.assertLess(self.count() - before, 80, "for 8,000 requests")


def may_trace():
    """Whether this machine lets a process trace another."""
    return shutil.which("strace") is not None and subprocess.run(
        ["strace", "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL).returncode == 0


@unittest.skipUnless(may_trace(), "tracing is not permitted here")
class SystemCallTest(SteadyStateTest):
    REQUESTS = 200
    DATA = ("recvfrom", "recvmsg", "read", "readv", "sendto", "sendmsg", "write", "writev")

    def calls_of(self, act):
        """How often the worker made each system call during `act(times)`, for REQUESTS times."""
        act(WARM_UP)
        worker = next(t for t, name in threads(self.proxy.pid).items() if name == "worker-0")
        with tempfile.NamedTemporaryFile("r") as trace:
            strace = subprocess.Popen(["strace", "-p", str(worker), "-o", trace.name],
                                      stderr=subprocess.PIPE, text=True)
            self.assertIn("attached", strace.stderr.readline())
            act(self.REQUESTS)
            strace.terminate()
            strace.wait()
            strace.stderr.close()
            names = re.findall(r"^(?:<... )?(\w+)(?:\(| resumed)", trace.read(), re.MULTILINE)
        return collections.Counter(names)

    def assert_four_data_calls(self, calls):
        self.assertEqual(sum(calls[name] for name in self.DATA), 4 * self.REQUESTS, calls)
        # Beside them the worker only waits; the last wait is cut in two by the end of the trace.
        others = {name for name in calls if name not in self.DATA}
        self.assertLessEqual(others, {"epoll_wait", "restart_syscall"}, calls)

    def test_a_plain_request_makes_four_data_system_calls_and_no_other(self):
        client = self.start(PLAIN)
        self.assert_four_data_calls(self.calls_of(lambda n: self.exchange(client, SMALL, n)))

    def test_plugins_metrics_and_access_log_add_no_system_call(self):
        client = self.start(WITH_PLUGINS, "access_log: {path: /dev/null, format: json}")
        self.assert_four_data_calls(self.calls_of(lambda n: self.exchange(client, REALISTIC, n)))

    def test_a_connection_for_each_request_is_accepted_watched_and_closed_once(self):
        self.start(PLAIN)

        def connections(times):
            for _ in range(times):
                with contextlib.closing(Client(self.proxy.port)) as client:
                    client.send(CLOSING)
                    self.assertEqual(client.response().status, 200)
                    self.assertEqual(client.read_to_end(), b"")
        calls = self.calls_of(connections)
        self.assertEqual(sum(calls[name] for name in self.DATA), 4 * self.REQUESTS, calls)
        self.assertEqual(calls["epoll_ctl"], self.REQUESTS, calls)
        self.assertEqual(calls["close"], self.REQUESTS, calls)
        # Now and then it looks whether more than one waits.
        self.assertLess(calls["accept4"], 1.1 * self.REQUESTS, calls)


if __name__ == "__main__":
    unittest.main()
