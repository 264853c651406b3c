"""Endpoints that refuse every stream: RFC 9113 section 8.7, nothing of it was processed."""

import struct
import unittest

from harness.h2 import END_HEADERS, END_STREAM, HEADERS, PREFACE, REFUSED_STREAM, RST_STREAM, \
    SETTINGS, Frame, frame
from harness.process import Proxy
from harness.raw import Client, Server

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
---
kind: Upstream
name: up
protocol: http2
policy: hash
hash_on: path
endpoints: [%s]
---
kind: Route
name: all
upstream: up
"""
STATUS_200 = b"\x88"  # RFC 7541, appendix A.


def serving(answer):
    """A serve function: `answer(stream)` is sent for the head of each request."""
    def serve(server, connection):
        connection.read_exactly(len(PREFACE))
        connection.send(frame(SETTINGS, 0, 0))
        while True:
            head = connection.read_exactly(9)
            size = struct.unpack(">I", b"\0" + head[:3])[0]
            got = Frame(head[3], head[4], struct.unpack(">I", head[5:])[0],
                        connection.read_exactly(size))
            if got.kind == HEADERS:
                server.requests.append(got.payload)
                connection.send(answer(got.stream))
    return serve


refuse = serving(lambda stream: frame(RST_STREAM, 0, stream, struct.pack(">I", REFUSED_STREAM)))
answer = serving(lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, STATUS_200))


class RefusedStreamTest(unittest.TestCase):
    def start(self, *serves):
        self.servers = [Server(serve) for serve in serves]
        for server in self.servers:
            self.addCleanup(server.close)
        self.proxy = Proxy(CONFIG % ", ".join(
            '{address: "127.0.0.1:%d"}' % server.port for server in self.servers))
        self.addCleanup(self.proxy.stop)

    def statuses(self, count):
        client = Client(self.proxy.port)
        self.addCleanup(client.close)
        return [client.send(b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" % number)
                .response().status for number in range(count)]

    def test_the_request_goes_to_another_endpoint_whichever_the_hash_prefers(self):
        self.start(refuse, refuse, answer)
        self.assertEqual(self.statuses(60), [200] * 60)
        for server in self.servers:
            self.assertGreater(len(server.requests), 0)

    def test_where_all_refuse_it_is_tried_a_few_times_and_answered(self):
        self.start(refuse)
        self.assertEqual(self.statuses(1), [502])
        self.assertEqual(len(self.servers[0].requests), 3)


if __name__ == "__main__":
    unittest.main()
