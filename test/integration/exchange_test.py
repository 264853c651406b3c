"""How requests and responses pass the proxy: framing, bodies, connections, failures, drain."""

import json
import os
import signal
import socket
import threading
import unittest

from harness.matrix import (
    CLIENT, SCHEME, Client, Proxy, Server, http1_client, http1_upstream, is_http2, plain_upstream)
from harness.process import IS_SANITIZED, free_port, wait_until
from harness.raw import once

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
kind: Route
name: all
upstream: up
---
kind: Route
name: hasty
paths: [/hasty]
upstream: up
timeout: 300ms
---
kind: Route
name: slow
paths: [/slow/*]
upstream: up
timeout: 0s
---
kind: Route
name: impatient
paths: [/impatient]
upstream: up
timeout: 0s
idle_timeout: 1s
---
kind: Upstream
name: nobody
---
kind: Route
name: nobody
paths: [/nobody]
upstream: nobody
---
kind: Upstream
name: closed
endpoints: [{address: "127.0.0.1:%(closed)d"}]
---
kind: Route
name: closed
paths: [/closed]
upstream: closed
---
kind: Route
name: only-get
paths: [/only-get]
methods: [GET]
upstream: up
"""


def get(target="/", headers=""):
    return ("GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (target, headers)).encode()


class ExchangeTest(unittest.TestCase):
    def start(self, serve=None, workers=1, extra=()):
        self.upstream = Server(serve)
        self.addCleanup(self.upstream.close)
        self.closed_port = free_port()
        self.log = "/tmp/sluice-exchange-test-%d-%d.log" % (os.getpid(), self.upstream.port)
        self.proxy = Proxy(CONFIG % {
            "upstream": self.upstream.port, "closed": self.closed_port, "log": self.log},
            workers=workers, extra=extra)
        self.addCleanup(self.proxy.stop)
        self.addCleanup(lambda: os.path.exists(self.log) and os.unlink(self.log))

    def client(self):
        client = Client(self.proxy.port)
        self.addCleanup(client.close)
        return client

    def exchange(self, request):
        return self.client().send(request).response()

    def log_lines(self, count):
        """The lines of the access log, if there are so many."""
        if not os.path.exists(self.log):
            return None
        with open(self.log) as f:
            lines = f.read().splitlines()
        return lines if len(lines) >= count else None

    def upstream_metric(self, name):
        return self.proxy.metric('sluice_upstream_%s{upstream="up"}' % name)

    # --- Connections ---

    @http1_upstream("counts the bytes of HTTP/1.1")
    @plain_upstream("counts the bytes of a plain connection")
    def test_bytes_to_and_from_the_upstream_are_counted_with_their_heads(self):
        response = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nworld"
        self.start(once(response))
        client = self.client()
        for _ in range(3):
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").response()
        self.assertEqual(self.upstream_metric("sent_bytes_total"),
                         sum(len(head) + 5 for head in self.upstream.requests))
        self.assertEqual(self.upstream_metric("received_bytes_total"), 3 * len(response))

    def test_a_connection_carries_many_requests_on_both_sides(self):
        self.start()
        client = self.client()
        for _ in range(20):
            self.assertEqual(client.send(get()).response().status, 200)
        self.assertEqual(self.upstream.connections, 1)

    @http1_client("pipelines")
    def test_pipelined_requests_are_answered_in_order(self):
        self.start()
        client = self.client()
        body = b"".join(b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n%02d" % (i, i)
                        for i in range(50))
        client.send(body)
        self.assertEqual([client.response().body for _ in range(50)],
                         [b"%02d" % i for i in range(50)])

    @http1_client("HTTP/2 has no Connection header")
    def test_connection_close_is_honoured(self):
        self.start()
        client = self.client().send(get(headers="Connection: close\r\n"))
        response = client.response()
        self.assertEqual(response.headers["connection"], "close")
        self.assertTrue(client.is_closed())

    @http1_client("HTTP/1.0")
    def test_http_1_0_is_answered_and_closed(self):
        self.start()
        client = self.client().send(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        self.assertEqual(client.response().status, 200)
        self.assertTrue(client.is_closed())

    @http1_client("HTTP/1.0")
    def test_http_1_0_keep_alive_is_kept_where_asked_for(self):
        self.start()
        client = self.client()
        for _ in range(2):
            client.send(b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
            self.assertEqual(client.response().headers["connection"], "keep-alive")

    @http1_client("in HTTP/2 every request ends its half of the stream")
    def test_a_client_that_half_closes_still_gets_its_response(self):
        self.start()
        client = self.client().send(get())
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(client.response().status, 200)

    # --- Bodies ---

    def test_a_request_body_arrives_whole_with_either_framing(self):
        self.start()
        for framing, body in (("Content-Length: 5\r\n", b"hello"),
                              ("Transfer-Encoding: chunked\r\n", b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")):
            request = ("POST / HTTP/1.1\r\nHost: a\r\n%s\r\n" % framing).encode() + body
            self.assertEqual(self.exchange(request).body, b"hello")

    def test_a_response_without_length_is_chunked_to_the_client(self):
        def serve(server, connection):
            server.read_request(connection)
            connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello")
        self.start(serve)
        response = self.exchange(get())
        self.assertEqual(response.headers["transfer-encoding"], "chunked")
        self.assertEqual(response.body, b"hello")

    @http1_client("chunks are of HTTP/1.1")
    @http1_upstream("chunks are of HTTP/1.1")
    def test_a_chunk_is_whole_before_the_next_one_comes(self):
        # Its end came with the next chunk: clients that wait for it saw each event one too late.
        release = threading.Event()
        self.addCleanup(release.set)

        def serve(server, connection):
            server.read_request(connection)
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            release.wait(60)
            connection.send(b"0\r\n\r\n")
        self.start(serve)
        client = self.client().send(get())
        client.read_until(b"\r\n\r\n")
        self.assertEqual(client.read_until(b"first\r\n"), b"5\r\nfirst\r\n")

    @http1_client("HTTP/1.0")
    def test_an_http_1_0_client_gets_such_a_response_until_close(self):
        self.start(once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))
        client = self.client().send(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        answer = client.read_to_end()
        self.assertTrue(answer.endswith(b"\r\n\r\nhello"), answer)
        self.assertNotIn(b"chunked", answer)

    def test_trailers_pass_in_both_directions(self):
        seen = []

        def serve(server, connection):
            server.read_request(connection)
            seen.append(connection.trailers)
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                            b"2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n")
        self.start(serve)
        client = self.client().send(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n"
            b"2\r\nhi\r\n0\r\nX-In: 2\r\n\r\n")
        self.assertEqual(client.response().body, b"ok")
        self.assertIn(b"x-sum: 1", client.trailers)
        self.assertIn(b"x-in: 2", seen[0])

    def test_a_head_response_tells_the_length_and_has_no_body(self):
        self.start(once(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"))
        client = self.client()
        for _ in range(2):
            client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.response(has_body=False).headers["content-length"], "1000")

    def test_204_and_304_have_no_body(self):
        for status in (b"204 No Content", b"304 Not Modified"):
            self.start(once(b"HTTP/1.1 %s\r\n\r\n" % status))
            client = self.client()
            for _ in range(2):
                response = client.send(get()).response()
                self.assertEqual((response.status, response.body), (int(status[:3]), b""))

    def test_100_continue_comes_from_the_upstream(self):
        def serve(server, connection):
            head = connection.read_until(b"\r\n\r\n")
            assert b"expect: 100-continue" in head
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = connection.read_exactly(5)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)
        self.start(serve)
        client = self.client().send(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(client.response().status, 100)
        self.assertEqual(client.send(b"hello").response().body, b"hello")

    @http1_client("in HTTP/2 the connection stays")
    def test_a_final_answer_before_the_body_closes_the_connection(self):
        self.start(once(b""))
        client = self.client().send(
            b"POST /nobody HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        response = client.response()
        self.assertEqual((response.status, response.headers["connection"]), (503, "close"))

    def test_103_early_hints_pass(self):
        self.start(once(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
                        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
        client = self.client().send(get())
        self.assertEqual(client.response().headers["link"], "</a.css>")
        self.assertEqual(client.response().status, 200)

    def test_large_bodies_stream_both_ways_in_bounded_memory(self):
        size = 64 << 20

        def serve(server, connection):
            connection.read_until(b"\r\n\r\n")
            left = size - len(connection.buffer)
            connection.buffer = b""
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            block = b"x" * 65536
            sender = threading.Thread(
                target=lambda: [connection.socket.sendall(block) for _ in range(size // len(block))])
            sender.start()
            while left > 0:
                left -= len(connection.socket.recv(1 << 20))
            sender.join()
        self.start(serve)
        client = self.client()
        client.send(b"POST /slow/x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        block = b"y" * 65536
        sender = threading.Thread(
            target=lambda: [client.socket.sendall(block) for _ in range(size // len(block))])
        sender.start()
        head = client.read_until(b"\r\n\r\n")
        self.assertIn(b" 200 ", head)
        received = len(client.buffer)
        while received < size:
            data = client.socket.recv(1 << 20)
            self.assertTrue(data)
            received += len(data)
        sender.join()
        if not IS_SANITIZED:
            self.assertLess(self.proxy.memory("VmHWM"), 96 << 20)

    # --- Routing and forwarding ---

    def test_unmatched_requests_say_why(self):
        self.start()
        response = self.exchange(b"POST /only-get HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(response.status, 200)  # The general route serves it.
        response = self.exchange(get("/nobody"))
        self.assertEqual(response.status, 503)
        self.assertIn('details="no_endpoints"', response.headers["proxy-status"])
        self.assertIn(b"no_endpoints", response.body)

    def test_local_replies_are_json_where_accepted(self):
        self.start()
        response = self.exchange(get("/nobody", "Accept: application/json\r\n"))
        self.assertEqual(json.loads(response.body)["details"], "no_endpoints")

    def test_the_path_is_normalised_before_routing_and_forwarding(self):
        self.start()
        self.exchange(get("/a/./b/../%7Ec//d?x=/../y"))
        self.assertTrue(self.upstream.requests[-1].startswith(b"GET /a/~c/d?x=/../y HTTP/1.1\r\n"),
                        self.upstream.requests[-1])

    def test_an_untrusted_peer_cannot_name_the_client(self):
        self.start()
        self.exchange(get(headers="X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n"))
        seen = self.upstream.requests[-1]
        self.assertIn(b"x-forwarded-for: 127.0.0.1\r\n", seen)
        self.assertIn(b"x-forwarded-proto: %s\r\n" % SCHEME.encode(), seen)
        self.assertNotIn(b"6.6.6.6", seen)

    def test_an_untrusted_peer_cannot_say_anything_about_the_way_it_came(self):
        self.start()
        self.exchange(get(headers="Forwarded: for=6.6.6.6\r\nX-Forwarded-Port: 1\r\n"
                                  "X-Forwarded-Prefix: /x\r\n"))
        self.assertNotIn(b"orwarded-p", self.upstream.requests[-1].replace(b"forwarded-proto", b""))
        self.assertNotIn(b"6.6.6.6", self.upstream.requests[-1])

    # --- Failures ---

    def test_a_refused_connection_is_503(self):
        self.start()
        response = self.exchange(get("/closed"))
        self.assertEqual(response.status, 503)
        self.assertIn("upstream_connect_refused", response.headers["proxy-status"])

    def test_a_response_that_does_not_begin_in_time_is_504(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def serve(server, connection):
            server.read_request(connection)
            release.wait(60)
        self.start(serve)
        response = self.exchange(get("/hasty"))
        self.assertEqual(response.status, 504)
        self.assertIn("response_timeout", response.headers["proxy-status"])

    @http1_upstream("garbage in HTTP/1.1")
    def test_garbage_from_the_upstream_is_502(self):
        for answer in (b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
                       b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                       b"HTTP/1.1 101 Switching Protocols\r\n\r\n"):
            self.start(once(answer))
            response = self.exchange(get())
            self.assertEqual(response.status, 502, answer)

    def test_a_response_cut_in_the_middle_cuts_the_clients_too(self):
        def serve(server, connection):
            server.read_request(connection)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        self.start(serve)
        client = self.client().send(get())
        client.read_until(b"\r\n\r\n")
        self.assertEqual(client.read_to_end(), b"hello")

    # A route without a response timeout let a response stand still for ever.
    def test_a_response_that_stands_still_is_cut(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def serve(server, connection):
            server.read_request(connection)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            release.wait(60)
        self.start(serve)
        client = self.client().send(get("/impatient"))
        client.read_until(b"\r\n\r\n")
        self.assertEqual(client.read_to_end(), b"hello")

    @http1_upstream("a connection of one request after the other")
    def test_an_idempotent_request_survives_a_dead_reused_connection(self):
        def serve(server, connection):
            server.read_request(connection)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            server.read_request(connection)  # The second request is read and not answered.
        self.start(serve)
        client = self.client()
        for _ in range(5):
            self.assertEqual(client.send(get()).response().status, 200)

    @http1_upstream("a connection of one request after the other")
    def test_a_post_is_never_sent_twice(self):
        def serve(server, connection):
            server.read_request(connection)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            server.read_request(connection)
        self.start(serve)
        client = self.client()
        post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
        self.assertEqual(client.send(post).response().status, 200)
        self.assertEqual(client.send(post).response().status, 502)
        self.assertEqual(len(self.upstream.requests), 2)

    def test_a_client_that_goes_away_frees_the_upstream(self):
        gone = threading.Event()

        def serve(server, connection):
            server.read_request(connection)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            try:
                while True:
                    connection.socket.sendall(b"x" * 65536)
            except OSError:
                gone.set()
        self.start(serve)
        client = self.client().send(get("/slow/x"))
        client.read_exactly(1000)
        client.close()
        self.assertTrue(gone.wait(30))

    # --- Logs and the end ---

    def test_the_access_log_tells_what_happened(self):
        self.start()
        self.exchange(get("/x?y=1", "User-Agent: me\r\n"))
        self.exchange(get("/nobody"))
        lines = wait_until(lambda: self.log_lines(2), "two lines")
        logged = [json.loads(line) for line in lines]
        # In the order in which they ended, which is not that of their responses' last bytes.
        self.assertEqual(sorted((line["path"], line["details"]) for line in logged),
                         [("/nobody", "no_endpoints"), ("/x?y=1", "via_upstream")])

    def test_sighup_reopens_the_access_log(self):
        self.start()
        self.exchange(get())
        wait_until(lambda: os.path.exists(self.log) and os.path.getsize(self.log), "a line")
        os.rename(self.log, self.log + ".1")
        self.addCleanup(os.unlink, self.log + ".1")
        self.proxy.signal(signal.SIGHUP)
        wait_until(lambda: self.exchange(get()) and os.path.exists(self.log)
                   and os.path.getsize(self.log), "a line in a new file")

    def test_sigterm_lets_a_request_finish_and_closes_idle_connections(self):
        answer = threading.Event()

        def serve(server, connection):
            server.read_request(connection)
            answer.wait(30)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.start(serve)
        idle = self.client()
        busy = self.client().send(get("/slow/x"))
        wait_until(lambda: self.upstream.requests, "the request")
        self.proxy.terminate()
        self.assertTrue(idle.is_closed())
        answer.set()
        response = busy.response()
        self.assertEqual(response.body, b"ok")
        if not is_http2(CLIENT):
            self.assertEqual(response.headers["connection"], "close")
        self.assertEqual(self.proxy.wait(), 0)

    def test_a_drain_that_takes_too_long_ends_with_status_1(self):
        forever = threading.Event()
        self.addCleanup(forever.set)

        def serve(server, connection):
            server.read_request(connection)
            forever.wait(60)
        self.start(serve, extra=("--drain-timeout", "200ms"))
        self.client().send(get("/slow/x"))
        wait_until(lambda: self.upstream.requests, "the request")
        self.proxy.terminate()
        self.assertEqual(self.proxy.wait(), 1)


if __name__ == "__main__":
    unittest.main()
