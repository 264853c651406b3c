"""Endpoints are killed, hang, reset and answer garbage under load: no idempotent request fails while
one endpoint is sound, and no POST is delivered twice.

SLUICE_CHAOS_SECONDS and SLUICE_CHAOS_CLIENTS make it longer and larger than CI needs. Before a
release SLUICE_CHAOS_RATE=20000 adds so many requests a second for a minute, by programs that can
send and answer them; it wants eight cores for itself.
"""

import itertools
import json
import os
import random
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from harness.process import Proxy, free_port, runfile
from harness.raw import Client, Server

# What a request that failed came to: for whoever has to find out why.
LISTENER = """
kind: Listener
name: public
address: 127.0.0.1:{port}
access_log:
  path: {log}
  template: >-
    %RESPONSE_CODE% %REQ(:METHOD)% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS%, attempts
    %UPSTREAM_REQUEST_ATTEMPT_COUNT% in %DURATION% ms, last %UPSTREAM_HOST%, from %START_TIME%
"""

ROUTE = """---
kind: Upstream
name: %(name)s
endpoints: [%(endpoints)s]
connect_timeout: 250ms
breakers: {connections: 100000, pending: 100000, requests: 100000, retries: 100000}
retry: {attempts: 5, on: [5xx], per_try_timeout: 250ms, budget: 100%%, min_retries: 1000}
---
kind: Route
name: %(name)s
paths: [%(path)s]
upstream: %(name)s
"""

RATE = int(os.environ.get("SLUICE_CHAOS_RATE", "0"))
SECONDS = float(os.environ.get("SLUICE_CHAOS_SECONDS", "60" if RATE else "6"))
CLIENTS = int(os.environ.get("SLUICE_CHAOS_CLIENTS", "4"))
ENDPOINTS = 4
FAULTS = ("kill", "hang", "reset", "garbage", "error", "cut_head")


class Endpoint:
    """A server on a port of its own whose behaviour the test changes."""

    def __init__(self):
        self.mode = "ok"
        self.posts = {}  # Ids, and how often each was delivered.
        self._lock = threading.Lock()
        self._hang = threading.Event()
        self.server = Server(self._serve)
        self.port = self.server.port

    def _serve(self, server, connection):
        while True:
            head = connection.read_until(b"\r\n\r\n")
            if head.startswith(b"POST"):
                connection.read_exactly(1)
                name = head.split(b" ")[1]
                with self._lock:
                    self.posts[name] = self.posts.get(name, 0) + 1
            mode = self.mode
            if mode == "hang":
                self._hang.wait(30)
                return
            if mode == "reset":
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                             b"\x01\x00\x00\x00\x00\x00\x00\x00")
                return
            if mode == "cut_head":
                connection.send(b"HTTP/1.1 200 O")
                return
            connection.send({
                "garbage": b"\x16\x03garbage\r\n\r\n",
                "error": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
            }.get(mode, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))

    def fail(self, mode):
        self.mode = mode
        if mode == "kill":
            self.server.close()

    def recover(self):
        if self.mode == "kill":
            self.server = Server(self._serve, port=self.port)
        self._hang.set()
        self._hang = threading.Event()
        self.mode = "ok"

    def close(self):
        self._hang.set()
        self.server.close()


class FastEndpoint:
    """A server in a process of its own, which is another process for each way to fail."""

    FAULTS = {"hang": "hang", "reset": "reset-on-accept", "garbage": "close-after-request",
              "error": "half-503", "cut_head": "close-after-request"}

    def __init__(self):
        self.port = free_port()
        self.mode = "ok"
        self._process = None
        self._start()

    def fail(self, mode):
        self.mode = mode
        self.close()
        if mode != "kill":
            self._start("--fault=" + self.FAULTS[mode])

    def recover(self):
        # One that is sound is all that there is until the others are.
        if self.mode == "ok":
            return
        self.mode = "ok"
        self.close()
        self._start()

    def _start(self, *arguments):
        self._process = subprocess.Popen(
            [runfile("tools/bench/hairpin/hairpin"), "--serve",
             "--upstream=127.0.0.1:%d" % self.port, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline(), "the endpoint did not start"

    def close(self):
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


class Rate:
    """Requests at a rate, from a process of its own."""

    def __init__(self, port):
        self._process = subprocess.Popen(
            [runfile("tools/bench/hairpin/hairpin"), "--target=127.0.0.1:%d" % port, "--upstream=",
             "--path=/fast", "--rate=%d" % RATE, "--warmup=0s", "--duration=%ds" % SECONDS,
             "--connections=512"], stdout=subprocess.PIPE, text=True)

    def result(self):
        return json.loads(self._process.communicate()[0])


def route(name, path, endpoints):
    return ROUTE % {"name": name, "path": path, "endpoints": ", ".join(
        '{address: "127.0.0.1:%d"}' % endpoint.port for endpoint in endpoints)}


def show_failed_gets(log):
    """The first ones; of a POST it may not be tried again."""
    with open(log) as lines:
        failed = (line for line in lines if " GET " in line and not line.startswith("200 "))
        for line in itertools.islice(failed, 100):
            print("chaos: failed:", line, end="")


class ChaosTest(unittest.TestCase):
    def time_to_recover(self, proxy, since):
        """From `since` to the first of many requests in a row that need no retry and succeed."""
        client, began, in_a_row = Client(proxy.port), None, 0
        self.addCleanup(client.close)
        while in_a_row < 4 * ENDPOINTS:
            began = began if in_a_row else time.monotonic()
            client.send(b"POST /after HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
            in_a_row = in_a_row + 1 if client.response().status == 200 else 0
        return began - since

    def test_no_idempotent_request_fails_while_one_endpoint_is_sound(self):
        endpoints = [Endpoint() for _ in range(ENDPOINTS)]
        # Of requests at a rate, which endpoints in this language could not answer.
        fast = [FastEndpoint() for _ in range(ENDPOINTS if RATE else 0)]
        for endpoint in endpoints + fast:
            self.addCleanup(endpoint.close)
        logs = tempfile.TemporaryDirectory()
        self.addCleanup(logs.cleanup)
        log = os.path.join(logs.name, "access.log")
        proxy = Proxy(LISTENER.replace("{log}", log) + route("all", "/*", endpoints)
                      + route("fast", "/fast", fast), workers=2)
        self.addCleanup(proxy.stop)
        self.addCleanup(show_failed_gets, log)
        rate = Rate(proxy.port) if RATE else None
        end = threading.Event()
        failures, counts, lock = [], {"GET": 0, "POST": 0, "failed POST": 0}, threading.Lock()

        def load(number):
            client, sent = Client(proxy.port), 0
            while not end.is_set():
                sent += 1
                is_post = sent % 5 == 0
                request = (b"POST /%d-%d HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
                           if is_post else b"GET /%d-%d HTTP/1.1\r\nHost: a\r\n\r\n") % (number, sent)
                try:
                    status = client.send(request).response().status
                except (OSError, EOFError) as error:
                    status = repr(error)
                    client = Client(proxy.port)
                with lock:
                    counts["POST" if is_post else "GET"] += 1
                    if status != 200:
                        if is_post:
                            counts["failed POST"] += 1
                        else:
                            failures.append((status, [e.mode for e in endpoints]))
            client.close()

        threads = [threading.Thread(target=load, args=(i,)) for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        # One is sound at every moment: the next one is well before the last one fails.
        choose = random.Random(1)
        recovery = 0
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            sound = choose.randrange(ENDPOINTS)
            for i in set(range(ENDPOINTS)) - {sound}:
                fault = choose.choice(FAULTS)
                for endpoint in endpoints[i:i + 1] + fast[i:i + 1]:
                    endpoint.fail(fault)
            time.sleep(0.7)
            for endpoint in endpoints + fast:
                endpoint.recover()
            recovered = time.monotonic()
            recovery = max(recovery, self.time_to_recover(proxy, recovered))
            time.sleep(0.6)  # Longer than all back-off of a request that began before.
        end.set()
        for thread in threads:
            thread.join()
        print("chaos: %d GET, %d failed; %d POST, %d failed, recovered in %.3f s" % (
            counts["GET"], len(failures), counts["POST"], counts["failed POST"], recovery))
        self.assertEqual(failures, [])
        self.assertLess(recovery, 2)
        if rate is not None:
            result = rate.result()
            print("chaos: at a rate %d answered, %s" % (result["requests"], result["failures"]))
            self.assertEqual((result["failures"]["total"], result["unfinished"]), (0, 0))
            self.assertGreater(result["requests"], 0.99 * RATE * SECONDS)
        self.assertGreater(counts["GET"], 100)
        delivered = {}
        for endpoint in endpoints:
            for name, times in endpoint.posts.items():
                if name != b"/after":
                    delivered[name] = delivered.get(name, 0) + times
        twice = {name: times for name, times in delivered.items() if times > 1}
        self.assertEqual(twice, {})


if __name__ == "__main__":
    unittest.main()
