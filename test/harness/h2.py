"""An HTTP/2 client that sends whatever frames a test wants, and understands enough of the answers."""

import ssl
import struct

from harness.raw import Client

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 0x1, 0x1, 0x4, 0x8
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, \
    FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, \
    ENHANCE_YOUR_CALM = range(12)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

_STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
# Of the code of RFC 7541, appendix B, what numbers need.
_DIGITS = {"00000": "0", "00001": "1", "00010": "2", "011001": "3", "011010": "4", "011011": "5",
           "011100": "6", "011101": "7", "011110": "8", "011111": "9"}


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + \
        struct.pack(">I", stream) + payload


def _number(value, prefix_bits, first=0):
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes([first | value])
    out = [first | limit]
    value -= limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


def field(name, value):
    """A literal without indexing."""
    return b"\0" + _number(len(name), 7) + name + _number(len(value), 7) + value


def indexed_field(name, value):
    """A literal that goes to the table."""
    return b"\x40" + _number(len(name), 7) + name + _number(len(value), 7) + value


def head(method=b"GET", path=b"/", authority=b"a", scheme=b"http", extra=()):
    fields = [(b":method", method), (b":scheme", scheme), (b":path", path)]
    if authority is not None:
        fields.append((b":authority", authority))
    return block(fields + list(extra))


def block(fields):
    return b"".join(field(name, value) for name, value in fields)


class Frame:
    def __init__(self, kind, flags, stream, payload):
        self.kind, self.flags, self.stream, self.payload = kind, flags, stream, payload

    @property
    def code(self):
        """Of RST_STREAM and GOAWAY."""
        at = 4 if self.kind == GOAWAY else 0
        return struct.unpack(">I", self.payload[at:at + 4])[0]

    @property
    def status(self):
        """Of the first HEADERS on a connection with that status: later ones refer to the table."""
        first = self.payload[0]
        if first & 0x80:
            return _STATUS[first & 0x7f]
        text = self.payload[2:2 + (self.payload[1] & 0x7f)]
        if not self.payload[1] & 0x80:
            return int(text)
        bits = "".join("{:08b}".format(byte) for byte in text)
        digits, code = "", ""
        for bit in bits:
            code += bit
            if code in _DIGITS:
                digits, code = digits + _DIGITS[code], ""
            if len(digits) == 3:
                break
        return int(digits)


class Http2Client(Client):
    """One connection, past its preface unless `preface` is false; over TLS with an ssl.SSLContext."""

    def __init__(self, port, timeout=30, settings=b"", preface=True, tls=None):
        super().__init__(port, timeout)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.next_id = 1
        if preface:
            self.send(PREFACE + frame(SETTINGS, 0, 0, settings))

    def read_frame(self):
        """The next one; None at the end of the connection."""
        try:
            start = self.read_exactly(9)
            size = struct.unpack(">I", b"\0" + start[:3])[0]
            stream = struct.unpack(">I", start[5:])[0] & 0x7fffffff
            return Frame(start[3], start[4], stream, self.read_exactly(size))
        except (EOFError, ConnectionResetError, ssl.SSLError):
            return None

    def read_until_frame(self, *kinds, stream=None):
        """The next frame of one of these kinds, None if the connection ends before."""
        while True:
            got = self.read_frame()
            if got is None or (got.kind in kinds and stream in (None, got.stream)):
                return got

    def open(self, head_block, end=True, flags=END_HEADERS):
        """Begins a request; its stream."""
        stream, self.next_id = self.next_id, self.next_id + 2
        self.send(frame(HEADERS, flags | (END_STREAM if end else 0), stream, head_block))
        return stream

    def finish(self, stream):
        """Status and body of the response; the status is None if it was reset, with the code."""
        status, body = None, b""
        while True:
            got = self.read_frame()
            if got is None:
                raise EOFError("closed before the response on stream %d" % stream)
            if got.kind == GOAWAY and got.code != NO_ERROR:
                return None, got.code
            if got.stream != stream:
                continue
            if got.kind == RST_STREAM:
                return (status, body) if got.code == NO_ERROR else (None, got.code)
            if got.kind == HEADERS and status is None:
                status = got.status
            if got.kind == DATA:
                body += got.payload
                if got.payload:
                    window = struct.pack(">I", len(got.payload))
                    self.send(frame(WINDOW_UPDATE, 0, 0, window) +
                              frame(WINDOW_UPDATE, 0, stream, window))
            if got.flags & END_STREAM:
                return status, body

    def get(self, path=b"/"):
        return self.finish(self.open(head(path=path)))

    def goaway_code(self):
        """What the connection ends with; None if it just ends."""
        last = None
        while True:
            got = self.read_until_frame(GOAWAY)
            if got is None:
                return last
            last = got.code
