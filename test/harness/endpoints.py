"""Registers endpoints of upstreams, as orchestrators do: sluice.v1.Endpoints/Register, in bytes."""

import struct

from harness.h2 import DATA, Http2Client, frame, head

_PATH = b"/sluice.v1.Endpoints/Register"


def _varint(number):
    out = b""
    while number >= 128:
        out += bytes([number % 128 + 128])
        number //= 128
    return out + bytes([number])


def _number(field, number):
    return _varint(field << 3) + _varint(number)


def _text(field, text):
    data = text if isinstance(text, bytes) else text.encode()
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def endpoint(address, priority=0, labels=None, zone=""):
    """A sluice.v1.Endpoint."""
    message = _text(1, address) + _number(3, priority) + _text(5, zone)
    for name, value in (labels or {}).items():
        message += _text(4, _text(1, name) + _text(2, value))
    return message


def register(grpc_port, owner, upstream, *endpoints):
    """One message of one stream; the generation in which they are."""
    message = _text(1, owner) + _text(2, upstream) + _text(3, _number(1, 3600))
    message += b"".join(_text(4, each) for each in endpoints)
    with Http2Client(grpc_port) as client:
        stream = client.open(head(b"POST", _PATH, extra=[(b"content-type", b"application/grpc"),
                                                         (b"te", b"trailers")]), end=False)
        client.send(frame(DATA, 0, stream, b"\0" + struct.pack(">I", len(message)) + message))
        answer = b""
        while len(answer) < 5 or len(answer) < 5 + struct.unpack(">I", answer[1:5])[0]:
            got = client.read_until_frame(DATA, stream=stream)
            if got is None:
                raise EOFError("no answer")
            answer += got.payload
        return _generation(answer[5:])


def _generation(answer):
    """Of a sluice.v1.RegisterResponse without problems."""
    number, shift, at = 0, 0, 1
    while answer[at] & 0x80:
        number, shift, at = number | (answer[at] & 0x7f) << shift, shift + 7, at + 1
    if answer[0] != 0x08 or at + 1 != len(answer):
        raise AssertionError("refused: %r" % answer)
    return number | answer[at] << shift
