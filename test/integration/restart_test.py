"""One process takes over from another, and no request fails; or it does not, and none fails either."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.request

from harness import load
from harness.fleet_case import FleetCase, route
from harness.pages import fetch
from harness.process import FleetProxy, Process, free_port, runfile, sluicectl, wait_until
from harness.raw import Client, Server
from harness.tls import Authority

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
---
kind: Listener
name: secure
address: 127.0.0.1:{tls_port}
tls: {certificates: [a]}
---
kind: Upstream
name: up
endpoints: [{address: "127.0.0.1:%d"}]
---
kind: Route
name: all
upstream: up
"""


def state_of(process):
    """A letter: T is stopped."""
    with open("/proc/%d/stat" % process.pid) as f:
        return f.read().rsplit(")", 1)[1].split()[0]


class RestartCase(unittest.TestCase):
    def setUp(self):
        self.authority = Authority()
        self.addCleanup(self.authority.close)
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.upstream = Server()
        self.addCleanup(self.upstream.close)
        self.port, self.tls_port, self.admin_port = free_port(), free_port(), free_port()
        self.state = os.path.join(self.directory.name, "state")
        self.config = os.path.join(self.directory.name, "config.yaml")
        self.write(CONFIG % self.upstream.port +
                   self.authority.issue("a", "DNS:a.example").yaml("a"))

    def write(self, config):
        with open(self.config + ".new", "w") as f:
            f.write(config.replace("{port}", str(self.port))
                    .replace("{tls_port}", str(self.tls_port)))
        os.rename(self.config + ".new", self.config)

    def command(self, *extra, workers=2):
        return [runfile("proxy/main/sluice-proxy"), "--config", self.config, "--state-dir",
                self.state, "--admin-listen", "127.0.0.1:%d" % self.admin_port, "--workers",
                str(workers), *extra]

    def launch(self, *extra, environment=None, **options):
        process = Process(self.command(*extra, **options), environment)
        self.addCleanup(process.stop)
        return process

    def start(self, **options):
        process = self.launch(**options)
        process.wait_for_line("serving generation 1")
        return process

    def succeed(self, before, **options):
        """A process that has taken over from `before`."""
        process = self.launch("--takeover", **options)
        process.wait_for_line("has taken over")
        before.wait_for_line("process %d has taken over" % process.pid)
        return process

    def load(self, **more):
        running = load.Load(
            new=lambda: load.new_connections(load.plain(self.port)),
            kept=lambda: load.kept_connections(load.plain(self.port)),
            http2=lambda: load.http2(self.port), **more)
        self.addCleanup(running.stop)
        return running

    def assert_served_on(self, running):
        """Every client gets further."""
        before = dict(running.served)
        wait_until(lambda: all(running.served[name] > count + 5 for name, count in before.items()),
                   "every client to be served", 60)

    def assert_no_failure(self, running):
        failures = running.stop()
        self.assertEqual(len(failures), 0, "%d of %s: %s" % (
            len(failures), running.served, "\n".join(failures[:3])))


class RestartTest(RestartCase):
    def test_20_restarts_under_load_fail_no_request(self):
        secure = load.tls(self.tls_port, self.authority, "a.example")
        proxy = self.start()
        running = self.load(tls=lambda: load.new_connections(secure),
                            tls_kept=lambda: load.kept_connections(
                                load.tls(self.tls_port, self.authority, "a.example")))
        for _ in range(20):
            before, proxy = proxy, self.succeed(proxy)
            self.assert_served_on(running)
            self.assertEqual(before.wait(), 0)
        self.assert_no_failure(running)
        # One full handshake, however many processes.
        self.assertEqual(secure.state["handshakes"] - secure.state["resumed"], 1)
        print("served %s over 20 restarts" % running.served)

    def test_the_number_of_workers_may_change(self):
        proxy = self.start(workers=4)
        running = self.load()
        for workers in (1, 3, 2, 4):
            before, proxy = proxy, self.succeed(proxy, workers=workers)
            self.assert_served_on(running)
            before.wait()
        self.assert_no_failure(running)

    def test_the_admin_pages_stay_where_they_are_and_a_change_is_taken_by_the_successor(self):
        proxy = self.start()
        second = self.succeed(proxy)
        wait_until(lambda: "ready" in fetch(self.admin_port, "/ready"), "the pages")
        self.write((CONFIG % self.upstream.port).split("---")[0] + "---\nkind: Route\nname: all\n"
                   "plugins: {respond: {status: 418}}\n")
        second.wait_for_line("serving generation 2")
        with Client(self.port) as client:
            self.assertEqual(client.send(load.REQUEST).response().status, 418)

    def test_an_idle_connection_gets_one_more_answer_that_says_it_is_the_last(self):
        proxy = self.start()
        with Client(self.port) as client:
            self.assertEqual(client.send(load.REQUEST).response().status, 200)
            self.succeed(proxy)

            def is_last():
                # The predecessor's worker hears of its end a moment after the successor serves.
                response = client.send(load.REQUEST).response()
                self.assertEqual(response.status, 200)
                return response.headers.get("connection") == "close"
            wait_until(is_last, "the answer that is the last")
        self.assertEqual(proxy.wait(), 0)

    def test_an_idle_connection_that_stays_so_is_closed_at_half_of_the_drain_time(self):
        proxy = self.launch("--drain-timeout", "6s")
        proxy.wait_for_line("serving generation 1")
        with Client(self.port) as client:
            self.assertEqual(client.send(load.REQUEST).response().status, 200)
            self.succeed(proxy)
            self.assertTrue(client.is_closed())
        self.assertEqual(proxy.wait(), 0)

    def test_without_anybody_to_take_over_from_it_starts(self):
        proxy = self.launch("--takeover")
        proxy.wait_for_line("serving generation 1")
        with Client(self.port) as client:
            self.assertEqual(client.send(load.REQUEST).response().status, 200)

    def test_without_takeover_a_second_process_is_refused(self):
        proxy = self.start()
        second = self.launch()
        self.assertEqual(second.wait(), 1)
        self.assertIn("in use by pid %d" % proxy.pid, "\n".join(second.lines))


class FailureTest(RestartCase):
    def has_left(self, proxy, successor):
        """Whether the one that is being stopped had said already that it serves."""
        wait_until(lambda: state_of(successor) == "T", "the successor to stand")

        def answer():
            if any("has taken over" in line for line in proxy.lines):
                return "left"
            # While it is there it answers, and not before it has read what was said to it.
            try:
                urllib.request.urlopen("http://127.0.0.1:%d/live" % self.admin_port, timeout=1).read()
                return "there"
            except OSError:
                return None
        return wait_until(answer, "the predecessor to answer or go") == "left"

    def test_a_successor_that_is_killed_in_the_middle_changes_nothing(self):
        proxy = self.start()
        running = self.load()
        killed = 0
        for attempt in range(1, 50):
            successor = self.launch("--takeover")
            proxy.wait_for_line("handing it everything", attempt)
            successor.signal(signal.SIGSTOP)
            # Stopped before it said that it serves, or after.
            if self.has_left(proxy, successor):
                successor.signal(signal.SIGCONT)
                successor.wait_for_line("has taken over")
                break
            successor.signal(signal.SIGKILL)
            proxy.wait_for_line("this one goes on", attempt)
            self.assert_served_on(running)
            killed += 1
            if killed == 5:
                break
        self.assertGreater(killed, 0)
        self.assert_no_failure(running)

    def test_a_successor_that_has_everything_and_dies_leaves_the_next_one_everything(self):
        proxy = self.start()
        running = self.load()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as fake:
            fake.connect(os.path.join(self.state, "handover.sock"))
            fake.send(b"takeover 1")
            received, text = {}, b""
            while not text.startswith(b"end "):
                text, fds, _, _ = socket.recv_fds(fake, 4096, 253)
                for fd in fds:
                    self.addCleanup(os.close, fd)
                kind = text.split(b" ")[0]
                received[kind] = received.get(kind, 0) + max(1, len(fds))
            self.assertEqual(received[b"listener"], 4)  # Two workers, two listeners.
            self.assertEqual(received[b"lock"], 1)
            self.assertGreaterEqual(received[b"ticket"], 1)
        proxy.wait_for_line("this one goes on")
        self.assert_served_on(running)
        self.succeed(proxy)
        self.assert_served_on(running)
        self.assert_no_failure(running)

    def test_a_successor_whose_configuration_is_not_valid_does_not_take_over(self):
        proxy = self.start()
        running = self.load()
        self.write("kind: Route\nname: broken\nupstream: none\n")
        successor = self.launch("--takeover")
        self.assertEqual(successor.wait(), 1)
        proxy.wait_for_line("this one goes on")
        self.assert_served_on(running)
        self.assert_no_failure(running)


class FleetRestartTest(FleetCase):
    proxies_at_start = 1

    def succeed(self):
        before = self.proxies[0]
        successor = FleetProxy(self.grpc_port, self.path("state0"), "edge-0", "g0",
                               extra=("--takeover",))
        self.proxies[0] = successor
        self.addCleanup(before.stop)
        successor.wait_for_line("has taken over")
        before.wait_for_line("drained")
        self.assertEqual(before.wait(), 0)
        return successor

    def apply(self, text):
        sluicectl(self.grpc_port, "apply", "-f", "-", "--wait", stdin=text)

    def status(self, path):
        with Client(self.ports[0]) as client:
            return client.send(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path).response().status

    def test_the_successor_serves_what_was_served_and_takes_the_next_change(self):
        self.apply(self.base)
        running = load.Load(new=lambda: self.asking(b"/stay"))
        self.addCleanup(running.stop)
        for generation in range(3):
            self.succeed().wait_for_line("connected")
            self.apply(route("more%d" % generation, "/more%d" % generation))
            self.assertEqual(self.status(b"/more%d" % generation), 200)
        self.assertEqual(running.stop(), [])

    def asking(self, path):
        while True:
            yield self.status(path)

    def test_it_takes_over_with_the_control_plane_down(self):
        self.apply(self.base)
        self.kill_control_plane()
        self.succeed()
        self.assertEqual(self.status(b"/stay"), 200)
        self.start_control_plane()
        self.proxies[0].wait_for_line("connected")
        self.apply(route("more", "/more"))
        self.assertEqual(self.status(b"/more"), 200)

    def test_one_that_holds_nothing_is_succeeded_too(self):
        self.kill_control_plane()
        self.proxies[0].stop()
        shutil.rmtree(self.path("state0"))
        self.proxies[0] = self.start_proxy(0)
        self.proxies[0].wait_for_line("admin pages on")
        self.succeed()
        self.start_control_plane()
        self.proxies[0].wait_for_line("connected")
        self.apply(self.base)
        self.assertEqual(self.status(b"/stay"), 200)


class ServiceManagerTest(RestartCase):
    def notify_socket(self):
        path = os.path.join(self.directory.name, "notify")
        self.notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.notifications.close)
        self.notifications.bind(path)
        self.notifications.settimeout(60)
        return {"NOTIFY_SOCKET": path}

    def test_it_is_told_when_the_proxy_serves_and_which_process_is_the_main_one(self):
        environment = self.notify_socket()
        proxy = self.launch(environment=environment)
        self.assertEqual(self.notifications.recv(100), b"READY=1")
        # As ExecReload does: it returns when the new process serves.
        done = subprocess.run(self.command("--takeover", "--detach"), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=120,
                              env={**os.environ, **environment})
        self.assertEqual(done.returncode, 0)
        main = int(self.notifications.recv(100).decode().split("MAINPID=")[1])
        self.addCleanup(os.kill, main, signal.SIGKILL)
        self.assertEqual(proxy.wait(), 0)
        with open(os.path.join(self.state, "lock")) as f:
            self.assertEqual(int(f.read()), main)
        with Client(self.port) as client:
            self.assertEqual(client.send(load.REQUEST).response().status, 200)

    def test_detaching_fails_where_the_proxy_does_and_the_one_before_goes_on(self):
        self.start()
        self.write("kind: Route\nname: broken\nupstream: none\n")
        done = subprocess.run(self.command("--takeover", "--detach"), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=120)
        self.assertEqual(done.returncode, 1)
        with Client(self.port) as client:
            self.assertEqual(client.send(load.REQUEST).response().status, 200)

    # What a service manager does between fork and exec.
    LAUNCHER = """
import os, sys
fds = [int(fd) for fd in sys.argv[1].split(",")]
for i, fd in enumerate(fds):
    os.dup2(fd, 3 + i)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
"""

    def activate(self, sockets, names, *extra, workers=3):
        fds = [os.dup(s.fileno()) for s in sockets]
        # Above the numbers that they get.
        high = [os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]
        for fd in fds:
            os.close(fd)
        process = Process([sys.executable, "-c", self.LAUNCHER, ",".join(map(str, high)), names,
                           *self.command(*extra, workers=workers)], pass_fds=high)
        for fd in high:
            os.close(fd)
        self.addCleanup(process.stop)
        return process

    def test_its_sockets_are_used_by_all_workers_and_nothing_is_bound(self):
        public = socket.create_server(("127.0.0.1", 0))
        admin = socket.create_server(("127.0.0.1", 0))
        other = socket.create_server(("127.0.0.1", 0))
        for s in (public, admin, other):
            self.addCleanup(s.close)
        self.port = public.getsockname()[1]
        self.write((CONFIG % self.upstream.port) +
                   self.authority.issue("b", "DNS:a.example").yaml("a"))
        # One is meant by its address, one by the listener's name, and one is for the pages.
        proxy = self.activate([public, other, admin], "x:secure:admin")
        proxy.wait_for_line("serving generation 1")
        running = load.Load(
            new=lambda: load.new_connections(load.plain(self.port)),
            tls=lambda: load.new_connections(
                load.tls(other.getsockname()[1], self.authority, "a.example")))
        self.addCleanup(running.stop)
        self.assert_served_on(running)
        self.assertIn("ready", fetch(admin.getsockname()[1], "/ready"))
        # And whoever takes over has them too, without the service manager.
        self.succeed(proxy)
        self.assert_served_on(running)
        self.assert_no_failure(running)

    def test_its_socket_is_there_again_for_a_listener_that_comes_back(self):
        public = socket.create_server(("127.0.0.1", self.port))
        self.addCleanup(public.close)
        proxy = self.activate([public], "")
        proxy.wait_for_line("serving generation 1")
        self.write("kind: Upstream\nname: up\n")
        proxy.wait_for_line("serving generation 2")
        self.write((CONFIG % self.upstream.port) +
                   self.authority.issue("b", "DNS:a.example").yaml("a"))
        proxy.wait_for_line("serving generation 3")
        with Client(self.port) as client:
            self.assertEqual(client.send(load.REQUEST).response().status, 200)


if __name__ == "__main__":
    unittest.main()
