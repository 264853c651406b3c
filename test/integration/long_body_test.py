"""Long bodies in the clear, which the kernel passes on without the proxy seeing them: every byte,
every count and every end as if it had."""

import json
import os
import socket
import struct
import tempfile
import threading
import time
import unittest
import zlib

from harness.fleet_case import fetch, metric
from harness.process import Proxy, wait_until
from harness.raw import Client, Server

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
access_log: {path: %(log)s, format: json}
---
kind: Upstream
name: up
endpoints: [{address: "127.0.0.1:%(upstream)d"}]
---
kind: Upstream
name: shadow
endpoints: [{address: "127.0.0.1:%(upstream)d"}]
---
kind: Route
name: all
upstream: up
upgrades: [websocket]
---
kind: Route
name: impatient
paths: [/impatient]
upstream: up
idle_timeout: 500ms
---
kind: Route
name: compressed
paths: [/compressed]
upstream: up
plugins: {compression: {}}
---
kind: Route
name: collected
paths: [/collected]
upstream: up
plugins: {buffering: {request: 8MiB}}
---
kind: Route
name: mirrored
paths: [/mirrored]
upstream: up
mirrors: [{upstream: shadow}]
"""

MIB = 1 << 20
CONTENT = os.urandom(MIB + 12345)  # No divisor of anything: what is shifted shows.


def content(size):
    return (CONTENT * (size // len(CONTENT) + 1))[:size]


def get(size, path="/"):
    return ("GET %s HTTP/1.1\r\nHost: a\r\nX-Size: %d\r\nAccept-Encoding: gzip\r\n\r\n"
            % (path, size)).encode()


def put(size, path="/"):
    return ("PUT %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (path, size)).encode()


def head_of(size):
    return b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n" % size


def number(head, name):
    return int(head.lower().split(name + b": ")[1].split(b"\r\n")[0])


def read(connection, size):
    """read_exactly(), for sizes at which joining pieces would take the time."""
    data = bytearray(connection.buffer[:size])
    connection.buffer = connection.buffer[size:]
    while len(data) < size:
        piece = connection.socket.recv(min(MIB, size - len(data)))
        if not piece:
            raise EOFError("closed after %d of %d bytes" % (len(data), size))
        data += piece
    return data


def read_response(client):
    """Head and body of a response with a length."""
    response = client.response(has_body=False)
    return response, read(client, int(response.headers["content-length"]))


def read_request(connection):
    """Head and body of a request with a length, or without one."""
    head = connection.read_until(b"\r\n\r\n")
    return head, b"" if head.startswith(b"GET ") else read(connection, number(head, b"content-length"))


def serve(server, connection):
    """GET is answered with so much content as was asked for, anything else with what came."""
    while True:
        head, body = read_request(connection)
        server.requests.append(head)
        if head.startswith(b"GET "):
            body = content(number(head, b"x-size"))
        connection.send(head_of(len(body)) + body)


class LongBodyCase(unittest.TestCase):
    def start(self, serve=serve):
        self.upstream = Server(serve)
        self.addCleanup(self.upstream.close)
        self.log = tempfile.NamedTemporaryFile(mode="r", suffix=".log")
        self.addCleanup(self.log.close)
        self.proxy = Proxy(CONFIG % {"upstream": self.upstream.port, "log": self.log.name})
        self.addCleanup(self.proxy.stop)
        self.pipes_at_start = self.pipes()

    def client(self, receive_buffer=None):
        client = Client.__new__(Client)
        client.buffer = b""
        client.socket = socket.socket()
        if receive_buffer is not None:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.socket.settimeout(60)
        client.socket.connect(("127.0.0.1", self.proxy.port))
        self.addCleanup(client.close)
        return client

    def sending(self, client, data):
        """Sends beside what the test does."""
        def send():
            try:
                client.send(data)
            except OSError:
                pass  # The proxy had its reasons, which the test looks for.
        thread = threading.Thread(target=send)
        thread.start()
        self.addCleanup(thread.join)
        return thread

    def logged(self, count=1):
        """The first `count` records, in the order of their ends."""
        def lines():
            self.log.seek(0)
            text = self.log.read()
            return text.splitlines() if text.count("\n") >= count else None
        return [json.loads(line) for line in wait_until(lines, "%d lines" % count)][:count]

    def pipes(self):
        directory = "/proc/%d/fd" % self.proxy.pid
        count = 0
        for name in os.listdir(directory):
            try:
                count += os.readlink(os.path.join(directory, name)).startswith("pipe:")
            except OSError:
                pass  # Closed meanwhile.
        return count

    def assert_spliced(self):
        self.assertGreater(self.pipes(), self.pipes_at_start, "it went through memory")

    def metric(self, name):
        return metric(fetch(self.proxy.admin_port, "/stats/prometheus"), name)


class LongBodyTest(LongBodyCase):
    SIZES = (0, 1, 65_535, 65_536, 65_537, 131_071, 131_072, 200_000, 262_144, 262_145, MIB,
             3 * MIB + 1)

    def test_bodies_of_any_length_come_whole_and_both_connections_are_kept(self):
        self.start()
        client = self.client()
        for size in self.SIZES:
            self.assertTrue(read_response(client.send(get(size)))[1] == content(size), size)
            body = content(size)[::-1]
            self.sending(client, put(size) + body)
            self.assertTrue(read_response(client)[1] == body, size)
        self.assertEqual(self.upstream.connections, 1)
        self.assert_spliced()

    def test_requests_behind_long_bodies_are_answered_in_order(self):
        self.start()
        client = self.client()
        bodies = [content(300_000 + i)[i:] for i in range(10)]
        self.sending(client, b"".join(put(len(body)) + body for body in bodies))
        for body in bodies:
            self.assertTrue(read_response(client)[1] == body)

    def test_both_directions_of_many_at_once_stay_apart(self):
        self.start(self.echo)
        failures = []

        def transfer(i):
            size = 12 * MIB + i
            body = content(size)[i * 1000:] + bytes([i]) * (i * 1000)
            client = self.client()
            self.sending(client, put(size) + body)
            if read_response(client)[1] != body:
                failures.append(i)
        threads = [threading.Thread(target=transfer, args=(i,)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assert_spliced()

    def echo(self, server, connection):
        """Answers while the request still comes."""
        while True:
            head = connection.read_until(b"\r\n\r\n")
            left = number(head, b"content-length")
            connection.send(head_of(left))
            while left > 0:
                data = connection.buffer or connection.socket.recv(min(left, MIB))
                connection.buffer = b""
                if not data:
                    return
                connection.send(data)
                left -= len(data)

    def test_bodies_in_long_chunks_come_whole(self):
        pieces = [content(size) for size in (1_000_000, 5, 300_000)]

        def chunks():
            return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"

        def serve(server, connection):
            while True:
                _, body = server.read_request(connection)
                self.assertTrue(body == b"".join(pieces))
                connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks())
        self.start(serve)
        client = self.client()
        for _ in range(3):
            self.sending(client, b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                         chunks())
            self.assertTrue(client.response().body == b"".join(pieces))
        self.assertEqual(self.upstream.connections, 1)

    def test_a_tunnel_passes_all_of_a_long_stream(self):
        def serve(server, connection):
            server.read_request(connection)
            connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                            b"Connection: Upgrade\r\n\r\n")
            while True:
                data = connection.socket.recv(MIB)
                if not data:
                    connection.send(b"bye")
                    return
                connection.send(data)
        self.start(serve)
        client = self.client().send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                                    b"Upgrade: websocket\r\n\r\n")
        client.read_until(b"\r\n\r\n")
        data = content(20 * MIB)
        sender = self.sending(client, data)
        self.assertTrue(read(client, len(data)) == data)
        sender.join()
        self.assert_spliced()
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(client.read_to_end(), b"bye")
        record = self.logged()[0]
        self.assertEqual((record["bytes_received"], record["bytes_sent"]),
                         (len(data), len(data) + 3))

    # --- What is counted ---

    def test_logs_and_metrics_count_every_byte(self):
        sizes = (500_000, 5 * MIB + 7)
        self.start()
        client = self.client()
        for size in sizes:
            self.sending(client, put(size) + content(size))
            read_response(client)
        self.assert_spliced()
        for record, size in zip(self.logged(2), sizes):
            self.assertEqual((record["bytes_received"], record["bytes_sent"]), (size, size))
            self.assertEqual(record["details"], "via_upstream")
        total = sum(sizes)
        self.assertEqual(self.metric('sluice_received_bytes_total{listener="public"}'), total)
        self.assertEqual(self.metric('sluice_sent_bytes_total{listener="public"}'), total)
        self.assertEqual(self.metric('sluice_route_sent_bytes_total{route="all"}'), total)
        heads = sum(len(head) for head in self.upstream.requests)
        self.assertEqual(self.metric('sluice_upstream_sent_bytes_total{upstream="up"}'),
                         total + heads)
        self.assertEqual(self.metric('sluice_upstream_received_bytes_total{upstream="up"}'),
                         total + sum(len(head_of(size)) for size in sizes))

    # --- Slow sides ---

    def stuck_download(self, size):
        """A client that has read nothing of a long body; the upstream's sender stands."""
        sent = [0]

        def serve(server, connection):
            read_request(connection)
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            body = content(size)
            connection.send(head_of(size))
            while sent[0] < size:
                sent[0] += connection.socket.send(body[sent[0]:sent[0] + 65536])
        self.start(serve)
        client = self.client(receive_buffer=65536).send(get(size))
        self.wait_until_still(lambda: sent[0])
        return client, sent[0]

    def wait_until_still(self, value):
        """Until it has not changed for a while, and is not 0."""
        last, since = 0, time.monotonic()
        while last == 0 or time.monotonic() - since < 1:
            if value() != last:
                last, since = value(), time.monotonic()
            time.sleep(0.01)

    def test_a_client_that_does_not_read_holds_the_upstream_back_and_gets_all_of_it(self):
        size = 48 * MIB
        client, sent = self.stuck_download(size)
        # The kernel's buffers, which grow to 4 and to 6 MiB, and the proxy's mark.
        self.assertLess(sent, 24 * MIB)
        self.assertTrue(read_response(client)[1] == content(size))

    def test_an_upstream_that_does_not_read_holds_the_client_back_and_gets_all_of_it(self):
        size = 48 * MIB
        body = content(size)
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def serve(server, connection):
            go_on.wait(60)
            _, received = read_request(connection)
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" %
                            (received == body))
        self.start(serve)
        self.upstream.limit_receive_buffer(65536)
        client = self.client().send(put(size))
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        sent = [0]

        def send():
            while sent[0] < size:
                sent[0] += client.socket.send(body[sent[0]:sent[0] + 65536])
        sender = threading.Thread(target=send)
        sender.start()
        self.wait_until_still(lambda: sent[0])
        self.assertLess(sent[0], 24 * MIB)
        go_on.set()
        self.assertEqual(client.response().body, b"1")
        sender.join()

    def test_a_body_that_comes_slowly_in_the_middle_comes_whole(self):
        size = 3 * MIB

        def serve(server, connection):
            server.read_request(connection)
            body = content(size)
            connection.send(head_of(size) + body[:MIB])
            for i in range(MIB, MIB + 1000, 10):
                connection.send(body[i:i + 10])
                time.sleep(0.001)
            connection.send(body[MIB + 1000:])
        self.start(serve)
        self.assertTrue(read_response(self.client().send(get(size)))[1] == content(size))

    # --- Ends in the middle ---

    def test_a_response_that_the_upstream_cuts_is_cut_where_it_was(self):
        def serve(server, connection):
            server.read_request(connection)
            connection.send(head_of(4 * MIB) + content(2 * MIB))
        self.start(serve)
        client = self.client().send(get(4 * MIB))
        client.read_until(b"\r\n\r\n")
        self.assertTrue(client.read_to_end() == content(2 * MIB))
        record = self.logged()[0]
        self.assertEqual(record["details"], "upstream_reset_after_response")
        self.assertEqual(record["bytes_sent"], 2 * MIB)

    def test_a_response_that_the_upstream_resets_is_cut(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def serve(server, connection):
            server.read_request(connection)
            connection.send(head_of(4 * MIB) + content(2 * MIB))
            go_on.wait(60)
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                         struct.pack("ii", 1, 0))
        self.start(serve)
        client = self.client().send(get(4 * MIB))
        client.read_until(b"\r\n\r\n")
        self.assertTrue(read(client, 2 * MIB) == content(2 * MIB))
        go_on.set()
        self.assertEqual(client.read_to_end(), b"")
        record = self.logged()[0]
        self.assertEqual(record["details"], "upstream_reset_after_response")
        self.assertEqual(record["bytes_sent"], 2 * MIB)

    def test_a_request_whose_upstream_goes_is_answered(self):
        def serve(server, connection):
            connection.read_until(b"\r\n\r\n")
            connection.read_exactly(2 * MIB)
        self.start(serve)
        client = self.client()
        self.sending(client, put(400 * MIB) + content(40 * MIB))
        self.assertEqual(client.response().status, 502)
        self.assertEqual(self.logged()[0]["details"], "upstream_reset_before_response")

    def test_a_client_that_leaves_in_the_middle_of_a_response_frees_the_upstream(self):
        size = 1000 * MIB
        gone = threading.Event()

        def serve(server, connection):
            server.read_request(connection)
            connection.send(head_of(size))
            try:
                while True:
                    connection.send(CONTENT)
            except OSError:
                gone.set()
        self.start(serve)
        client = self.client().send(get(size))
        read(client, 10 * MIB)
        client.close()
        self.assertTrue(gone.wait(30))
        self.assertEqual(self.logged()[0]["details"], "downstream_disconnected")
        # The next client gets nothing of what that one did not read.
        other = self.client().send(get(1000 * MIB))
        other.read_until(b"\r\n\r\n")
        self.assertTrue(read(other, 5 * MIB) == content(5 * MIB))
        other.close()

    def test_a_client_that_leaves_in_the_middle_of_a_request_is_noticed_upstream(self):
        ended = threading.Event()

        def serve(server, connection):
            connection.read_until(b"\r\n\r\n")
            connection.read_to_end()
            ended.set()
        self.start(serve)
        client = self.client().send(put(100 * MIB) + content(5 * MIB))
        client.close()
        self.assertTrue(ended.wait(30))
        record = self.logged()[0]
        self.assertEqual(record["details"], "downstream_disconnected")
        self.assertEqual(record["bytes_received"], 5 * MIB)

    # --- Time ---

    def test_a_response_that_stands_still_in_the_middle_is_cut(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def serve(server, connection):
            server.read_request(connection)
            connection.send(head_of(4 * MIB) + content(2 * MIB))
            release.wait(60)
        self.start(serve)
        client = self.client().send(get(4 * MIB, "/impatient"))
        client.read_until(b"\r\n\r\n")
        self.assertTrue(client.read_to_end() == content(2 * MIB))
        self.assertEqual(self.logged()[0]["details"], "body_idle_timeout")

    def test_a_request_that_stands_still_in_the_middle_is_answered_408(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def serve(server, connection):
            connection.read_until(b"\r\n\r\n")
            connection.read_exactly(2 * MIB)
            release.wait(60)
        self.start(serve)
        client = self.client().send(put(4 * MIB, "/impatient") + content(2 * MIB))
        self.assertEqual(client.response().status, 408)
        self.assertEqual(self.logged()[0]["details"], "request_body_idle_timeout")

    # --- Who looks at bodies, or keeps them ---

    def test_a_plugin_that_changes_the_body_sees_it(self):
        self.start()
        response = self.client().send(get(5 * MIB, "/compressed")).response()
        self.assertEqual(response.headers["content-encoding"], "gzip")
        self.assertTrue(zlib.decompress(response.body, 31) == content(5 * MIB))

    def test_a_plugin_that_collects_the_body_gets_it_whole(self):
        self.start()
        client = self.client()
        self.sending(client, put(5 * MIB, "/collected") + content(5 * MIB))
        self.assertTrue(read_response(client)[1] == content(5 * MIB))
        self.sending(client, put(9 * MIB, "/collected") + content(9 * MIB))
        self.assertEqual(client.response().status, 413)

    def test_a_copy_of_a_request_has_the_same_body(self):
        bodies = []

        def serve(server, connection):
            while True:
                _, body = read_request(connection)
                bodies.append(body)
                connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        self.start(serve)
        client = self.client()
        self.sending(client, put(600_000, "/mirrored") + content(600_000))
        self.assertEqual(client.response().status, 200)
        wait_until(lambda: len(bodies) == 2, "the copy")
        self.assertTrue(all(body == content(600_000) for body in bodies))


if __name__ == "__main__":
    unittest.main()
