"""HTTP/2 seen as HTTP/1.1: sockets whose bytes are those of HTTP/1.1, and which speak HTTP/2.

So a test that is written once, in the bytes of HTTP/1.1, runs over both protocols. A client's view
is one connection, whose requests are answered in their order; a server's is one stream, which looks
like a connection that carries one request."""

import socket
import struct
import threading

from harness.h2 import (
    ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, NO_ERROR, PING, PREFACE,
    RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame)
from harness.hpack import Inflater
from harness.messages import END, HEAD, TUNNEL, Parser

_INITIAL_WINDOW, _ENABLE_CONNECT_PROTOCOL = 4, 8
_WINDOW = 1 << 20  # Of each stream; a connection's is sixteen times that.
_MAX_DATA = 16384
# Of one connection of HTTP/1.1, or said by other fields; HTTP/2 has no use for the last two.
_DROPPED = (b"connection", b"host", b"keep-alive", b"proxy-connection", b"transfer-encoding",
            b"upgrade", b"sec-websocket-key", b"sec-websocket-accept")


class _Stream:
    """One request and its response, from one side. Guarded by its connection's lock."""

    def __init__(self, connection, number, is_head_request=False):
        self.connection = connection
        self.number = number
        self.window = connection.peer_window
        self.inbox = bytearray()  # As HTTP/1.1.
        self.owed = 0  # Bytes that came and were not yet read by the test.
        self.is_head_request = is_head_request
        self.is_chunked = self.has_head = False
        self.upgrade = None  # The protocol that was asked for (RFC 8441).
        self.has_ended = False  # The peer has.
        self.has_sent_end = False
        self.was_reset = False
        self.is_unwanted = False  # What this side still has to say: the peer has said all.

    def is_over(self):
        return self.was_reset or self.connection.is_over or (self.has_ended and self.has_sent_end)

    # --- From the peer.

    def on_fields(self, fields, end):
        if self.has_head:  # Trailers.
            if self.is_chunked:
                self.inbox += b"0\r\n" + b"".join(b"%s: %s\r\n" % f for f in fields) + b"\r\n"
            self.has_ended = True
            return
        values = dict(fields)
        self.upgrade = values.get(b":protocol", self.upgrade)
        start, status = self._start(values)
        fields = [f for f in fields if not f[0].startswith(b":")]
        if b":authority" in values:
            fields.insert(0, (b"host", values[b":authority"]))
        if status is not None and status < 200:
            self.inbox += self._render(start, fields)
            return
        self.has_head = True
        if self.upgrade and status in (None, 200):
            # What is granted is a tunnel; a refusal is a response as any other.
            fields += [(b"connection", b"upgrade"), (b"upgrade", self.upgrade)]
            self.inbox += self._render(start.replace(b"200", b"101"), fields)
            return
        has_none = self.is_head_request or status in (204, 304)
        if b"content-length" not in values and not has_none:
            self.is_chunked = not end
            if not end:
                fields.append((b"transfer-encoding", b"chunked"))
            elif status is not None:
                fields.append((b"content-length", b"0"))
        self.inbox += self._render(start, fields)
        self.has_ended = end

    @staticmethod
    def _start(values):
        if b":status" in values:
            return b"HTTP/1.1 " + values[b":status"] + b" -", int(values[b":status"])
        method = b"GET" if b":protocol" in values else values[b":method"]
        return method + b" " + values[b":path"] + b" HTTP/1.1", None

    @staticmethod
    def _render(start, fields):
        return start + b"\r\n" + b"".join(b"%s: %s\r\n" % f for f in fields) + b"\r\n"

    def on_data(self, payload, end):
        self.owed += len(payload)
        if self.is_chunked:
            if payload:
                self.inbox += b"%x\r\n%s\r\n" % (len(payload), payload)
            if end:
                self.inbox += b"0\r\n\r\n"
        else:
            self.inbox += payload
        self.has_ended = end

    def take(self, size):
        """Of the inbox; the peer may then send more."""
        data = bytes(self.inbox[:size])
        del self.inbox[:size]
        owed = 0
        if len(self.inbox) < _WINDOW // 4 and self.owed:
            owed, self.owed = self.owed, 0
        return data, owed

    # --- To the peer.

    def send_fields(self, fields, end=False):
        self.connection.write(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), self.number,
                                    block(fields)))
        self.has_sent_end |= end

    def send_data(self, data):
        while data:
            size = self.connection.wait_for_window(self, min(len(data), _MAX_DATA))
            if size == 0:
                return
            self.connection.write(frame(DATA, 0, self.number, data[:size]))
            data = data[size:]

    def send_end(self, trailers=()):
        if trailers:
            self.send_fields(list(trailers), end=True)
        elif not self.is_unwanted:
            self.connection.write(frame(DATA, END_STREAM, self.number))
        with self.connection.changed:
            self.has_sent_end = True
            self.connection.changed.notify_all()

    def reset(self):
        self.was_reset = True
        try:
            self.connection.write(frame(RST_STREAM, 0, self.number, struct.pack(">I", CANCEL)))
        except OSError:
            pass


class _Connection:
    """Reads frames in a thread of its own until the connection is over."""

    def __init__(self, raw, preface, on_stream=None):
        self.raw = raw
        raw.settimeout(None)
        self.changed = threading.Condition()
        self._writing = threading.Lock()
        self._on_stream = on_stream
        self._inflater = Inflater()
        self._block = None  # Of HEADERS whose CONTINUATION follows: stream, flags, bytes.
        self.streams = {}
        self.peer_window = 65535
        self.window = 65535
        self.is_over = self.is_going_away = False
        self._buffer = b""
        self.offers_tunnels = None  # Not known yet.
        settings = struct.pack(">HIHI", _INITIAL_WINDOW, _WINDOW, _ENABLE_CONNECT_PROTOCOL, 1)
        self.write(preface + frame(SETTINGS, 0, 0, settings) +
                   frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 15 * _WINDOW)))

    def write(self, data):
        with self._writing:
            self.raw.sendall(data)

    def give_back(self, stream, size):
        """The peer may send so much more."""
        if size:
            window = struct.pack(">I", size)
            try:
                self.write(frame(WINDOW_UPDATE, 0, 0, window) +
                           frame(WINDOW_UPDATE, 0, stream.number, window))
            except OSError:
                pass  # There will be no more.

    def wait_for_window(self, stream, wanted):
        """How much may be sent now; 0: nothing ever."""
        with self.changed:
            while min(self.window, stream.window) <= 0 and not stream.is_over() \
                    and not stream.is_unwanted:
                self.changed.wait()
            if stream.is_unwanted:
                return 0
            if stream.is_over():
                raise BrokenPipeError("stream %d is over" % stream.number)
            size = min(wanted, self.window, stream.window)
            self.window -= size
            stream.window -= size
            return size

    def _read(self, size):
        while len(self._buffer) < size:
            data = self.raw.recv(65536)
            if not data:
                raise EOFError()
            self._buffer += data
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def run(self, skips_preface=False):
        try:
            if skips_preface:
                self._read(len(PREFACE))
            while True:
                start = self._read(9)
                payload = self._read(struct.unpack(">I", b"\0" + start[:3])[0])
                stream = struct.unpack(">I", start[5:])[0]
                with self.changed:
                    reply = self._on_frame(start[3], start[4], stream, payload)
                    self.changed.notify_all()
                if reply:
                    self.write(reply)
        except (OSError, EOFError):
            pass
        with self.changed:
            self.is_over = True
            self.changed.notify_all()

    def _on_frame(self, kind, flags, number, payload):
        """What is to be sent at once."""
        stream = self.streams.get(number)
        if kind == SETTINGS and not flags & ACK:
            self._on_settings(payload)
            return frame(SETTINGS, ACK, 0)
        if kind == PING and not flags & ACK:
            return frame(PING, ACK, 0, payload)
        if kind == WINDOW_UPDATE:
            size = struct.unpack(">I", payload)[0]
            if number == 0:
                self.window += size
            elif stream is not None:
                stream.window += size
        elif kind in (HEADERS, CONTINUATION):
            self._on_block(kind, flags, number, payload)
        elif kind == DATA and stream is not None:
            stream.on_data(payload, bool(flags & END_STREAM))
        elif kind == RST_STREAM and stream is not None:
            stream.is_unwanted = stream.has_ended and struct.unpack(">I", payload)[0] == NO_ERROR
            stream.was_reset = not stream.is_unwanted
        elif kind == GOAWAY:
            self.is_going_away = True
        return b""

    def _on_settings(self, payload):
        self.offers_tunnels = bool(self.offers_tunnels)
        for at in range(0, len(payload), 6):
            name, value = struct.unpack(">HI", payload[at:at + 6])
            if name == _INITIAL_WINDOW:
                for stream in self.streams.values():
                    stream.window += value - self.peer_window
                self.peer_window = value
            if name == _ENABLE_CONNECT_PROTOCOL:
                self.offers_tunnels = value == 1

    def _on_block(self, kind, flags, number, payload):
        if kind == HEADERS:
            assert not flags & 0x28, "padding and priorities are not sent to tests"
            self._block = (number, flags, payload)
        else:
            self._block = (number, self._block[1], self._block[2] + payload)
        if not flags & END_HEADERS:
            return
        number, first_flags, whole = self._block
        fields = self._inflater.read(whole)
        stream = self.streams.get(number)
        is_new = stream is None and self._on_stream is not None
        if is_new:
            is_head = (b":method", b"HEAD") in fields
            stream = self.streams[number] = _Stream(self, number, is_head)
        if stream is not None:
            stream.on_fields(fields, bool(first_flags & END_STREAM))
        if is_new:
            self._on_stream(stream)

    def close(self):
        try:
            self.raw.shutdown(socket.SHUT_RDWR)  # Or the reading thread would keep it open.
        except OSError:
            pass
        self.raw.close()


def _regular(head):
    return [field for field in head.fields if field[0] not in _DROPPED]


class ClientView:
    """Of a client's connection, over `raw`."""

    def __init__(self, raw, scheme):
        self._timeout = raw.gettimeout()
        self._scheme = scheme
        self._parser = Parser(lambda head: TUNNEL if head.get(b"upgrade") else True)
        self._order = []  # Streams whose responses are still to be read.
        self._sending = None
        self._next = 1
        self._connection = _Connection(raw, PREFACE)
        threading.Thread(target=self._connection.run, daemon=True).start()

    def sendall(self, data):
        for kind, part in self._parser.feed(data):
            if kind == HEAD:
                self._open(part)
            elif kind == END:
                if not self._sending.has_sent_end:
                    self._sending.send_end(part)
            else:
                self._sending.send_data(part)

    def _open(self, head):
        method, target = head.start[:2]
        connection = self._connection
        with connection.changed:
            stream = _Stream(connection, self._next, method == b"HEAD")
            self._next += 2
            connection.streams[stream.number] = stream
            self._order.append(stream)
            self._sending = stream
            while head.get(b"upgrade") and connection.offers_tunnels is None:
                connection.changed.wait()
        if head.get(b"upgrade"):
            assert connection.offers_tunnels
            stream.upgrade = head.get(b"upgrade")
            stream.send_fields([
                (b":method", b"CONNECT"), (b":protocol", stream.upgrade),
                (b":scheme", self._scheme), (b":path", target),
                (b":authority", head.get(b"host"))] + _regular(head))
            return
        is_empty = head.get(b"content-length") in (None, b"0") and \
            head.get(b"transfer-encoding") is None
        stream.send_fields([
            (b":method", method), (b":scheme", self._scheme), (b":path", target),
            (b":authority", head.get(b"host"))] + _regular(head), end=is_empty)

    def recv(self, size):
        connection = self._connection
        with connection.changed:
            while True:
                while self._order and self._order[0].has_ended and not self._order[0].inbox:
                    if self._order[0].upgrade:
                        return b""  # In HTTP/1.1 nothing follows on the connection.
                    del connection.streams[self._order.pop(0).number]
                stream = self._order[0] if self._order else None
                if stream is not None and stream.inbox:
                    data, owed = stream.take(size)
                    break
                if connection.is_over or (stream is not None and stream.was_reset):
                    return b""
                if not connection.changed.wait(self._timeout):
                    raise TimeoutError("nothing came")
        connection.give_back(stream, owed)
        return data

    def shutdown(self, _):
        """The end of a tunnel's one side."""
        self._sending.send_end()

    def settimeout(self, seconds):
        self._timeout = seconds

    def setsockopt(self, *arguments):
        self._connection.raw.setsockopt(*arguments)

    def close(self):
        self._connection.close()


class StreamView:
    """Of one stream, on a server."""

    def __init__(self, stream):
        self._stream = stream
        self._timeout = None
        self._parser = Parser(self._has_body)

    def _has_body(self, head):
        if len(head.start) < 2 or not head.start[0].startswith(b"HTTP/1."):
            raise ValueError("no response: %r" % head.start)
        status = int(head.start[1])
        if status == 101 and self._stream.upgrade:
            return TUNNEL
        if status < 200:
            return None
        return not self._stream.is_head_request and status not in (204, 304)

    def sendall(self, data):
        stream = self._stream
        if stream.is_over():
            raise BrokenPipeError("the stream is over")
        for kind, part in self._parser.feed(data):
            if kind == HEAD:
                if part.start[1] == b"101" and not stream.upgrade:
                    raise ValueError("HTTP/2 has no such status")
                status = part.start[1].replace(b"101", b"200")
                stream.send_fields([(b":status", status)] + _regular(part))
            elif kind == END:
                stream.send_end(part)
            else:
                stream.send_data(part)

    def recv(self, size):
        stream, connection = self._stream, self._stream.connection
        with connection.changed:
            while not stream.inbox and not stream.is_over() and \
                    not (stream.upgrade and stream.has_ended):
                if not connection.changed.wait(self._timeout):
                    raise TimeoutError("nothing came")
            if not stream.inbox:
                return b""
            data, owed = stream.take(size)
        connection.give_back(stream, owed)
        return data

    def settimeout(self, seconds):
        self._timeout = seconds

    def setsockopt(self, *_):
        pass

    def close(self):
        stream = self._stream
        if stream.is_over():
            return
        if self._parser.is_until_end:
            stream.send_end()
        elif not stream.has_sent_end:
            stream.reset()


def serve_streams(raw, serve):
    """Runs `serve(StreamView)` in a thread for every stream until the connection is over."""

    def run(stream):
        view = StreamView(stream)
        try:
            serve(view)
        except (OSError, EOFError, ValueError):
            pass
        try:
            view.close()
        except OSError:
            pass

    connection = _Connection(
        raw, b"", lambda stream: threading.Thread(target=run, args=(stream,), daemon=True).start())
    connection.run(skips_preface=True)
