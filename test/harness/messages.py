"""Cuts a byte stream of HTTP/1.1 into the parts of its messages, as a translator needs them."""

HEAD, DATA, END = "head", "data", "end"
TUNNEL = "tunnel"


class Head:
    def __init__(self, text):
        lines = text[:-4].split(b"\r\n")
        self.start = lines[0].split(b" ", 2)
        self.fields = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon:
                raise ValueError("no header: %r" % line)
            self.fields.append((name.lower(), value.strip()))

    def get(self, wanted):
        return next((value for name, value in self.fields if name == wanted), None)


class Parser:
    """feed() gives (HEAD, head), (DATA, bytes) and (END, trailers) as they become whole.

    `has_body(head)` says whether a body follows: True (framed by its head, until the end of the
    stream if that says nothing), False, None for an interim response, which has no END either, or
    TUNNEL: all that follows is of another protocol."""

    def __init__(self, has_body):
        self._has_body = has_body
        self._buffer = b""
        self._step = self._head
        self._left = 0
        self._trailers = []
        self.is_until_end = False

    def feed(self, data):
        self._buffer += data
        while True:
            event = self._step()
            if event is None:
                return
            if event is not _AGAIN:
                yield event

    def _line(self):
        line, found, rest = self._buffer.partition(b"\r\n")
        if not found:
            return None
        self._buffer = rest
        return line

    def _head(self):
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = Head(self._buffer[:end + 4])
        self._buffer = self._buffer[end + 4:]
        has_body = self._has_body(head)
        if has_body is None:
            return HEAD, head
        length = head.get(b"content-length")
        self._trailers = []
        if has_body == TUNNEL:
            self.is_until_end, self._step = True, self._rest
        elif not has_body:
            self._step = self._end
        elif head.get(b"transfer-encoding") == b"chunked":
            self._step = self._chunk_size
        elif length is not None:
            self._left, self._step = int(length), self._fixed
        elif head.start[0].startswith(b"HTTP/"):
            self.is_until_end, self._step = True, self._rest
        else:
            self._step = self._end
        return HEAD, head

    def _end(self):
        self._step = self._head
        return END, self._trailers

    def _fixed(self):
        if self._left == 0:
            return self._end()
        return self._take()

    def _take(self):
        data = self._buffer[:self._left]
        if not data:
            return None
        self._buffer = self._buffer[len(data):]
        self._left -= len(data)
        return DATA, data

    def _rest(self):
        data, self._buffer = self._buffer, b""
        return (DATA, data) if data else None

    def _chunk_size(self):
        line = self._line()
        if line is None:
            return None
        self._left = int(line.split(b";")[0], 16)
        self._step = self._chunk if self._left else self._trailer
        return _AGAIN

    def _chunk(self):
        if self._left:
            return self._take()
        if len(self._buffer) < 2:
            return None
        self._buffer, self._step = self._buffer[2:], self._chunk_size
        return _AGAIN

    def _trailer(self):
        line = self._line()
        if line is None:
            return None
        if not line:
            return self._end()
        name, _, value = line.partition(b":")
        self._trailers.append((name.lower(), value.strip()))
        return _AGAIN


_AGAIN = object()
