"""All three programs together: what is applied is served, and survives everything."""

import threading
import time
import unittest

from harness.fleet_case import FleetCase, route
from harness.process import free_port
from harness.raw import Client, Server


def get(target):
    return ("GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target).encode()


class SystemTest(FleetCase):
    def test_an_applied_route_is_served_by_every_proxy_when_apply_returns(self):
        self.assertIn("active 2/2", self.apply(self.base, "--wait"))
        for port in self.ports:
            self.assertEqual(self.status_of(port, "/stay"), 200)

    def test_five_mistakes_give_five_problems_with_lines_and_commit_nothing(self):
        text = ("kind: Route\nname: r1\npath: /a\nupstream: up\n"
                "---\nkind: Route\nname: r2\nupstream: missing\n"
                "---\nkind: Route\nname: r3\nupstream: up\ntimeout: 25h\n"
                "---\nkind: Upstream\nname: u4\nendpoints: [{address: nowhere}]\n"
                "---\nkind: Route\nname: r5\nupstream: up\nplugins: {limit_count: {count: 0, window: 60s}}\n")
        self.apply(self.base)
        output = self.apply(text, status=1)
        for line, words in ((3, "did you mean"), (8, "missing"), (13, "timeout"), (17, "address"),
                            (22, "count")):
            self.assertTrue(any((":%d:" % line) in out and words in out
                                for out in output.splitlines()), (line, words, output))
        self.assertNotIn("r3", self.ctl("get", "routes"))

    def test_a_taken_port_is_degraded_and_everything_else_is_served(self):
        taken = Server()
        self.addCleanup(taken.close)
        output = self.apply(
            self.base + "---\nkind: Listener\nname: taken\naddress: 127.0.0.1:%d\ngroups: [g0]\n"
            % taken.port, "--wait")
        self.assertIn("active 2/2", output)
        self.assertEqual(self.status_of(self.ports[0], "/stay"), 200)
        self.assertIn("degraded", self.ctl("status").lower())

    def test_changes_under_load_fail_no_request_and_close_no_connection(self):
        self.apply(self.base, "--wait")
        stop = threading.Event()
        wrong, counts = [], []

        def load(port):
            count = 0
            with Client(port) as client:
                while not stop.is_set():
                    status = client.send(get("/stay")).response().status
                    count += 1
                    if status != 200:
                        wrong.append(status)
            counts.append(count)
        threads = [threading.Thread(target=load, args=(port,)) for port in self.ports * 2]
        for thread in threads:
            thread.start()
        extra = free_port()
        try:
            deadline = time.monotonic() + 8
            i = 0
            while time.monotonic() < deadline:
                i += 1
                # The listener comes and goes.
                text = "".join(route("c%d" % j, "/c%d-%d" % (j, i)) for j in range(5))
                if i % 3 == 0:
                    text += "---\nkind: Listener\nname: extra\naddress: 127.0.0.1:%d\n" % extra
                self.apply(text, "--prune", "-l", "part=churn", "--wait")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(len(counts), 4, "every connection lived to the end")


if __name__ == "__main__":
    unittest.main()
