"""Malformed and ambiguous HTTP/1.1 requests, in the clear and over TLS: each is answered as a strict
edge proxy must, and not a byte of it reaches the upstream."""

import unittest

from harness.process import Proxy, free_port
from harness.raw import Client, Server
from harness.tls import Authority, TlsClient

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
http2: {disabled: true}
%(listener)s---
kind: Listener
name: hasty
address: 127.0.0.1:%(hasty)d
timeouts: {header: 1s}
%(listener)s---
kind: Upstream
name: up
endpoints: [{address: "127.0.0.1:%(up)d"}]
---
kind: Route
name: all
upstream: up
"""

HOST = b"Host: a\r\n"


def post(headers, body=b""):
    return b"POST / HTTP/1.1\r\n" + HOST + headers + b"\r\n" + body


def get(headers=b"", target=b"/"):
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + headers + b"\r\n"


CHUNKED = b"Transfer-Encoding: chunked\r\n"


def chunked(body):
    return post(CHUNKED, body)


# Number of the rule, request, statuses of which one is right. All of them close the connection.
REFUSED = [
    (1, post(b"Content-Length: 6\r\n" + CHUNKED, b"0\r\n\r\n"), {400}),
    (2, post(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello!"), {400}),
    (3, post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello"), {400}),
    (4, post(b"Content-Length: 5, 5\r\n", b"hello"), {400}),
    (5, post(b"Content-Length: 5, 6\r\n", b"hello"), {400}),
    (6, post(b"Content-Length: +5\r\n", b"hello"), {400}),
    (7, post(b"Content-Length: -1\r\n"), {400}),
    *[(8, post(b"Content-Length: %s\r\n" % v, b"hello"), {400})
      for v in (b"0x10", b"0o10", b"1e1", b"5_0", b"5.0")],
    *[(9, post(b"Content-Length: %s\r\n" % v, b"hello"), {400}) for v in (b"007", b"00", b"-0")],
    (10, post(b"Content-Length: 1 0\r\n", b"hello"), {400}),
    (11, post(b"Content-Length:\r\n"), {400}),
    (12, post(b"Content-Length: 99999999999999999999\r\n"), {400}),
    *[(13, post(b"Content-Length: 5%s\r\n" % v, b"hello"), {400})
      for v in (b"\0", b"\x0b", b"\x0c")],
    (14, post(b"Content-Length : 5\r\n", b"hello"), {400}),
    (15, post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"), {400}),
    (16, post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"), {501}),
    (17, post(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"), {400}),
    (17, post(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n"), {400}),
    (18, post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), {501}),
    (19, post(b"Transfer-Encoding: identity\r\n"), {400, 501}),
    (20, post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"), {400}),
    (21, post(CHUNKED + CHUNKED, b"0\r\n\r\n"), {400}),
    (22, post(b"Transfer-Encoding: ,chunked\r\n", b"0\r\n\r\n"), {400}),
    (22, post(b"Transfer-Encoding: chunked,\r\n", b"0\r\n\r\n"), {400}),
    (23, post(b"Transfer-Encoding:\r\n"), {400}),
    *[(25, post(b"Transfer-Encoding: %schunked\r\n" % v, b"0\r\n\r\n"), {400})
      for v in (b"\x0b", b"\x0c", b"\0")],
    (26, post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"), {400}),
    (28, post(b"Transfer-Encoding: chunked;q=1\r\n", b"0\r\n\r\n"), {400}),
    (28, post(b"Transfer-Encoding: \"chunked\"\r\n", b"0\r\n\r\n"), {400}),
    (29, post(b"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", b"hello"), {400}),
    (30, b"POST / HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n0\r\n\r\n", {400}),
    *[(31, chunked(v + b"\r\nhello\r\n0\r\n\r\n"), {400})
      for v in (b"0x5", b"+5", b"-5", b" 5", b"5_", b"", b"G")],
    (32, chunked(b"5 \r\nhello\r\n0\r\n\r\n"), {400}),
    (33, chunked(b"FFFFFFFFFFFFFFFF1\r\nhello\r\n0\r\n\r\n"), {400}),
    (34, chunked(b"5\nhello\r\n0\r\n\r\n"), {400}),
    (35, chunked(b"5\rhello\r\n0\r\n\r\n"), {400}),
    (36, chunked(b"5\r\nhelloX0\r\n\r\n"), {400}),
    (37, chunked(b"5\r\nhello!\r\n0\r\n\r\n"), {400}),
    (37, chunked(b"6\r\nhello\r\n0\r\n\r\n"), {400}),
    (38, chunked(b"5;\r\nhello\r\n0\r\n\r\n"), {400}),
    *[(39, chunked(b"5;a=%s\r\nhello\r\n0\r\n\r\n" % v), {400})
      for v in (b"b\nc", b"b\rc", b"b\0c")],
    (40, chunked(b"5;a=" + b"x" * 100 * 1024 + b"\r\nhello\r\n0\r\n\r\n"), {400}),
    (42, chunked(b"0\r\nA: b\n\r\n"), {400}),
    (45, b"GET / HTTP/1.1\r\n\r\n", {400}),
    (46, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", {400}),
    (47, b"GET / HTTP/1.1\r\nHost:\r\n\r\n", {400}),
    *[(48, b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % v, {400})
      for v in (b"a, b", b"a b", b"a@b", b"a/b", b"a?b", b"a#b", b"a\\b")],
    *[(49, b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % v, {400})
      for v in (b"a:99999", b"a:x", b"[::1")],
    (51, b"GET / HTTP/1.1\r\nHost: " + b"a" * 100 * 1024 + b"\r\n\r\n", {431}),
    (52, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", {400}),
    (53, get(b"nocolon\r\n"), {400}),
    (53, get(b": v\r\n"), {400}),
    *[(54, get(b"a%sb: v\r\n" % v), {400})
      for v in (b" ", b"(", b"@", b"\"", b"\x7f", "é".encode())],
    (55, get(b"a: b\0c\r\n"), {400}),
    (56, get(b"a: b\rc\r\n"), {400}),
    (57, get(b"a: b\x01c\r\n"), {400}),
    (59, b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", {400}),
    (60, b"GET / HTTP/1.1\rHost: a\r\r", {400}),
    (60, b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", {400}),
    (61, get(b"a: b\r\n c\r\n"), {400}),
    (62, b"\r\n\r\n\r\n" + get(), {400}),
    (63, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    (63, b"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    (63, b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", {400}),
    *[(64, b"GET / %s\r\nHost: a\r\n\r\n" % v, {400, 505})
      for v in (b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/01.1", b"HTTP/1.1x")],
    (64, b"GET /\r\n\r\n", {400, 505}),
    *[(65, get(target=v), {400})
      for v in (b"/a\0b", b"/a b", b"/a\x01b", "/é".encode(), b"/a#b")],
    (66, get(target=b"a"), {400}),
    (67, b" / HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    (67, b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    (67, b"G" * 100 * 1024 + b" / HTTP/1.1\r\nHost: a\r\n\r\n", {400, 501}),
    (68, get(target=b"/" + b"a" * 100 * 1024), {414}),
    (68, get(b"a: b\r\n" * 10000), {431}),
    (68, get(b"a: " + b"b" * 100 * 1024 + b"\r\n"), {431}),
    (71, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
    *[(72, get(b"Connection: %s\r\n" % v), {400})
      for v in (b"close, X-Forwarded-For", b"Content-Length", b"Authorization")],
    (73, post(b"Expect: x\r\nContent-Length: 5\r\n", b"hello"), {417}),
    (76, b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\n\r\nhello", {400}),
    (76, b"TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", {400}),
]


class HardeningInTheClear(unittest.TestCase):
    listener = more = ""

    @classmethod
    def setUpClass(cls):
        cls.upstream = Server()
        cls.addClassCleanup(cls.upstream.close)
        cls.hasty_port = free_port()
        cls.proxy = Proxy(CONFIG % {"listener": cls.listener, "hasty": cls.hasty_port,
                                    "up": cls.upstream.port} + cls.more)
        cls.addClassCleanup(cls.proxy.stop)

    def client(self, port=None):
        return Client(port or self.proxy.port)

    def test_refused_requests_are_answered_and_closed(self):
        for number, request, statuses in REFUSED:
            with self.subTest(number=number, request=request[:120]):
                with self.client() as client:
                    client.send(request)
                    answer = client.read_to_end()
                    self.assertTrue(answer.startswith(b"HTTP/1.1 "), answer[:200])
                    self.assertIn(int(answer[9:12]), statuses, answer[:300])
                    self.assertIn(b"connection: close\r\n", answer)
                    self.assertEqual(answer.count(b"HTTP/1.1 "), 1, "one answer only")

    def test_no_refused_head_reaches_the_upstream(self):
        before = len(self.upstream.requests)
        for _, request, _ in REFUSED:
            if CHUNKED in request and request.count(b"Transfer-Encoding") == 1:
                continue  # Valid heads: the fault is in the body.
            with self.client() as client:
                client.send(request)
                client.read_to_end()
        self.assertEqual(self.upstream.requests[before:], [])

    def exchange(self, request):
        with self.client() as client:
            client.send(request)
            return client.response(), self.upstream.requests[-1]

    def test_24_white_space_around_chunked_is_normalised(self):
        response, seen = self.exchange(
            post(b"Transfer-Encoding:\tchunked \r\n", b"5\r\nhello\r\n0\r\n\r\n"))
        self.assertEqual((response.status, response.body), (200, b"hello"))
        self.assertIn(b"\r\ntransfer-encoding: chunked\r\n", seen)

    def test_27_coding_names_have_no_case(self):
        response, seen = self.exchange(
            post(b"Transfer-Encoding: CHUNKED\r\n", b"5\r\nhello\r\n0\r\n\r\n"))
        self.assertEqual((response.status, response.body), (200, b"hello"))
        self.assertIn(b"\r\ntransfer-encoding: chunked\r\n", seen)

    def test_41_chunk_extensions_are_dropped(self):
        response, _ = self.exchange(chunked(b"5;a=b\r\nhello\r\n0\r\n\r\n"))
        self.assertEqual((response.status, response.body), (200, b"hello"))

    def test_43_trailers_never_change_the_message(self):
        response, _ = self.exchange(chunked(
            b"5\r\nhello\r\n0\r\nContent-Length: 1\r\nHost: b\r\nAuthorization: x\r\n"
            b"X-Fine: y\r\n\r\n"))
        self.assertEqual(response.status, 200)
        self.assertEqual(self.upstream.trailers, b"x-fine: y\r\n\r\n")

    def test_43_trailers_may_not_say_it_with_an_underscore(self):
        response, _ = self.exchange(chunked(
            b"5\r\nhello\r\n0\r\nx_user: admin\r\nx-fine: y\r\n\r\n"))
        self.assertEqual(response.status, 200)
        self.assertEqual(self.upstream.trailers, b"x-fine: y\r\n\r\n")

    def test_43_trailers_above_the_limits_are_431(self):
        for trailers in (b"x: y\r\n" * 101, b"x: " + b"y" * 40000 + b"\r\n"):
            with self.client() as client:
                client.send(chunked(b"0\r\n" + trailers + b"\r\n"))
                self.assertEqual(client.response().status, 431)

    def test_44_an_unfinished_trailer_section_times_out(self):
        with self.client(self.hasty_port) as client:
            client.send(chunked(b"0\r\n"))
            self.assertEqual(client.response().status, 408)
            self.assertTrue(client.is_closed())

    def test_50_the_authority_of_an_absolute_target_wins(self):
        response, seen = self.exchange(b"GET http://a/x HTTP/1.1\r\nHost: b\r\n\r\n")
        self.assertEqual(response.status, 200)
        self.assertTrue(seen.startswith(b"GET /x HTTP/1.1\r\nhost: a\r\n"), seen)

    def test_58_opaque_bytes_in_values_pass(self):
        response, seen = self.exchange(get(b"a: \x80\xff\r\n"))
        self.assertEqual(response.status, 200)
        self.assertIn(b"\r\na: \x80\xff\r\n", seen)

    def test_62_one_empty_line_before_a_request_is_skipped(self):
        response, _ = self.exchange(b"\r\n" + get())
        self.assertEqual(response.status, 200)

    def test_69_a_body_of_get_is_no_second_request(self):
        smuggled = b"GET /admin HTTP/1.1\r\nHost: a\r\n\r\nxxxxxxxxxxxxxxxxxxx"
        response, seen = self.exchange(get(b"Content-Length: %d\r\n" % len(smuggled)) + smuggled)
        self.assertEqual(response.body, smuggled)
        self.assertTrue(seen.startswith(b"GET / "))

    def test_70_bytes_after_an_empty_body_are_a_request_of_their_own(self):
        with self.client() as client:
            client.send(post(b"Content-Length: 0\r\n") + get(target=b"/x"))
            self.assertEqual(client.response().status, 200)
            self.assertEqual(client.response().status, 200)
        self.assertTrue(self.upstream.requests[-1].startswith(b"GET /x "))

    def test_72_fields_that_connection_names_are_removed(self):
        _, seen = self.exchange(get(b"Connection: x-hop\r\nX-Hop: 1\r\nX-Stay: 2\r\n"))
        self.assertNotIn(b"x-hop", seen)
        self.assertIn(b"x-stay: 2", seen)

    def test_74_an_upgrade_to_h2c_is_stripped(self):
        response, seen = self.exchange(get(
            b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"))
        self.assertEqual(response.status, 200)
        self.assertNotIn(b"pgrade", seen)
        self.assertNotIn(b"ettings", seen)

    def test_76_connect_and_trace_are_not_served(self):
        for request in (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
                        b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"):
            with self.client() as client:
                client.send(request)
                self.assertEqual(client.response().status, 405)


class HardeningOverTls(HardeningInTheClear):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)
        cls.listener = "tls: {certificates: [server]}\n"
        cls.more = cls.authority.issue("a", "DNS:a").yaml("server")
        super().setUpClass()

    def client(self, port=None):
        return TlsClient(port or self.proxy.port, self.authority, "a")


if __name__ == "__main__":
    unittest.main()
