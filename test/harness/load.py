"""Clients that ask all the time, as well-behaved ones do, and remember every request that failed."""

import threading
import traceback

from harness.h2 import GOAWAY, Http2Client, head
from harness.raw import Client
from harness.tls import TlsClient

REQUEST = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"


class _Http2(Http2Client):
    is_going_away = False

    def read_frame(self):
        frame = super().read_frame()
        if frame is not None and frame.kind == GOAWAY:
            self.is_going_away = True
        return frame


def new_connections(connect):
    """A connection for every request."""
    while True:
        with connect() as client:
            yield client.send(REQUEST).response().status


def kept_connections(connect):
    """A connection for as long as the server keeps it."""
    while True:
        with connect() as client:
            while True:
                response = client.send(REQUEST).response()
                yield response.status
                if response.headers.get("connection") == "close":
                    break


def http2(port):
    """A connection until the server says that it goes."""
    while True:
        with _Http2(port) as client:
            while not client.is_going_away:
                yield client.finish(client.open(head()))[0]


class Load:
    """Runs clients until it is stopped: pairs of a name and a generator of statuses."""

    def __init__(self, **clients):
        self.served = {name: 0 for name in clients}
        self.failures = []
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=item) for item in clients.items()]
        for thread in self._threads:
            thread.start()

    def _run(self, name, statuses):
        # A client that failed begins anew, as a user would.
        while not self._stopping.is_set():
            try:
                for status in statuses():
                    if status != 200:
                        self.failures.append("%s: status %s" % (name, status))
                    self.served[name] += 1
                    if self._stopping.is_set():
                        return
            except Exception:
                self.failures.append("%s: %s" % (name, traceback.format_exc()))

    def stop(self):
        """Every client's failures."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        return self.failures


def plain(port):
    return lambda: Client(port)


def tls(port, authority, host):
    """Comes back with the session of the connection before; counts those that were resumed."""
    state = {"session": None, "resumed": 0, "handshakes": 0}

    def connect():
        client = TlsClient(port, authority, host, session=state["session"])
        state["handshakes"] += 1
        state["resumed"] += client.socket.session_reused
        done = client.response

        def response():
            # The ticket comes with the first bytes of the answer.
            answer = done()
            state["session"] = client.session
            return answer
        client.response = response
        return client
    connect.state = state
    return connect
