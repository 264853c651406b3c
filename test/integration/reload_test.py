"""Configuration that changes under load: nothing fails, nothing is routed wrongly, no connection
closes that need not."""

import threading
import unittest

from harness.process import Proxy, free_port
from harness.raw import Client, Server, ok, once

BASE = """
kind: Listener
name: public
address: 127.0.0.1:{port}
---
kind: Upstream
name: a
endpoints: [{address: "127.0.0.1:%(a)d"}]
---
kind: Upstream
name: b
endpoints: [{address: "127.0.0.1:%(b)d"}]
---
kind: Route
name: stay
paths: [/stay]
upstream: a
"""


def get(target):
    return ("GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target).encode()


class ReloadTest(unittest.TestCase):
    def setUp(self):
        self.a, self.b = Server(once(ok(b"a"))), Server(once(ok(b"b")))
        self.addCleanup(self.a.close)
        self.addCleanup(self.b.close)
        self.base = BASE % {"a": self.a.port, "b": self.b.port}
        self.proxy = Proxy(self.base, workers=2)
        self.addCleanup(self.proxy.stop)

    def route(self, name, path, upstream):
        return "---\nkind: Route\nname: %s\npaths: [%s]\nupstream: %s\n" % (name, path, upstream)

    def test_a_changed_route_is_served_on_a_connection_that_stays(self):
        with Client(self.proxy.port) as client:
            self.assertEqual(client.send(get("/x")).response().status, 404)
            self.proxy.reload(self.base + self.route("x", "/x", "a"))
            self.assertEqual(client.send(get("/x")).response().body, b"a")
            self.proxy.reload(self.base + self.route("x", "/x", "b"))
            self.assertEqual(client.send(get("/x")).response().body, b"b")
            self.proxy.reload(self.base)
            self.assertEqual(client.send(get("/x")).response().status, 404)

    def test_changes_under_load_fail_nothing_and_close_nothing(self):
        stop = threading.Event()
        wrong = []

        def load():
            with Client(self.proxy.port) as client:
                while not stop.is_set():
                    response = client.send(get("/stay")).response()
                    if (response.status, response.body) != (200, b"a"):
                        wrong.append((response.status, response.body))
        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for i in range(100):
                extra = "".join(self.route("r%d" % j, "/r%d" % j, "ab"[(i + j) % 2])
                                for j in range(i % 7))
                self.proxy.reload(self.base + extra + "# %d\n" % i + self.route(
                    "n%d" % i, "/n%d" % i, "b"))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])

    def test_an_invalid_file_changes_nothing_and_names_every_problem(self):
        with Client(self.proxy.port) as client:
            self.proxy.write(self.base + self.route("x", "/x", "missing") +
                             "---\nkind: Route\nname: y\npath: /y\nupstream: a\n")
            self.proxy.wait_for_line("missing")
            self.proxy.wait_for_line("did you mean")
            self.assertEqual(client.send(get("/stay")).response().body, b"a")

    def test_a_taken_port_leaves_everything_else_served(self):
        taken = Server()
        self.addCleanup(taken.close)
        self.proxy.reload(self.base + "---\nkind: Listener\nname: taken\naddress: 127.0.0.1:%d\n"
                          % taken.port)
        with Client(self.proxy.port) as client:
            self.assertEqual(client.send(get("/stay")).response().body, b"a")
        self.proxy.wait_for_line("listener \"taken\"")

    def test_a_removed_listener_drains_and_a_new_one_accepts(self):
        other = free_port()
        second = "---\nkind: Listener\nname: second\naddress: 127.0.0.1:%d\n" % other
        self.proxy.reload(self.base + second)
        with Client(other) as client:
            self.assertEqual(client.send(get("/stay")).response().body, b"a")
            self.proxy.reload(self.base)
            self.assertTrue(client.is_closed())
        with self.assertRaises(ConnectionRefusedError):
            Client(other)


if __name__ == "__main__":
    unittest.main()
