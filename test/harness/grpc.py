"""A gRPC server whose calls all end well."""

import struct

from harness.h2 import ACK, DATA, END_HEADERS, END_STREAM, HEADERS, PING, SETTINGS, field, frame


def message(payload):
    """As it stands in a body: not compressed, and with its length."""
    return struct.pack(">BI", 0, len(payload)) + payload


def serve_grpc(server, connection):
    """Answers every call with the message `server.answer` and the status 0, once it is complete."""
    connection.read_exactly(24)
    connection.send(frame(SETTINGS, 0, 0))
    bodies = {}
    while True:
        head = connection.read_exactly(9)
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = connection.read_exactly(int.from_bytes(head[:3], "big"))
        if kind in (SETTINGS, PING) and not flags & ACK:
            connection.send(frame(kind, ACK, 0, payload if kind == PING else b""))
        if kind == DATA:
            bodies[stream] = bodies.get(stream, b"") + payload
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            server.requests.append(bodies.pop(stream, b""))
            head = b"\x88" + field(b"content-type", b"application/grpc+proto")
            trailers = field(b"grpc-status", b"0") + field(b"grpc-message", b"fine")
            connection.send(frame(HEADERS, END_HEADERS, stream, head) +
                            frame(DATA, 0, stream, server.answer) +
                            frame(HEADERS, END_HEADERS | END_STREAM, stream, trailers))
