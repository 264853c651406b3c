"""A client and a server that send whatever bytes a test wants."""

import socket
import threading


class Client:
    """One TCP connection."""

    def __init__(self, port, timeout=30):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)
        return self

    def read_until(self, mark):
        while mark not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError("closed after %r" % self.buffer[:500])
            self.buffer += data
        end = self.buffer.index(mark) + len(mark)
        head, self.buffer = self.buffer[:end], self.buffer[end:]
        return head

    def read_exactly(self, size):
        while len(self.buffer) < size:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError("closed after %d of %d bytes" % (len(self.buffer), size))
            self.buffer += data
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def read_to_end(self):
        """All that comes until the peer closes; a reset counts as that."""
        try:
            while True:
                data = self.socket.recv(65536)
                if not data:
                    break
                self.buffer += data
        except ConnectionResetError:
            pass
        data, self.buffer = self.buffer, b""
        return data

    def response(self, has_body=True):
        """Status, headers (lower-case names to values) and body of the next response."""
        lines = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:]:
            if line:
                name, value = line.split(":", 1)
                headers[name.lower()] = value.strip()
        body = b""
        if has_body and status >= 200 and status not in (204, 304):
            body = self._body(headers)
        return Response(status, headers, body)

    def _body(self, headers):
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                size = int(self.read_until(b"\r\n").split(b";")[0], 16)
                if size == 0:
                    self.trailers = self.read_until(b"\r\n")
                    while not self.trailers.endswith(b"\r\n\r\n") and self.trailers != b"\r\n":
                        self.trailers += self.read_until(b"\r\n")
                    return body
                body += self.read_exactly(size)
                assert self.read_exactly(2) == b"\r\n"
        if "content-length" in headers:
            return self.read_exactly(int(headers["content-length"]))
        return self.read_to_end()

    def is_closed(self):
        """Whether the peer has closed, or does within the time-out, without sending more."""
        return self.read_to_end() == b""

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body


class Server:
    """Runs `serve(Client)` in a thread for every connection that it accepts."""

    def __init__(self, serve=None, port=0):
        self._serve = serve or respond_ok
        self._listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self.requests = []  # Heads, as received.
        self.trailers = b""  # Of the last chunked request.
        self._open = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def limit_receive_buffer(self, size):
        """What the kernel takes of a connection, accepted from now on, before it is read."""
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    def _accept(self):
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._run, args=(accepted,), daemon=True).start()

    def _run(self, accepted):
        connection = Client.__new__(Client)
        connection.socket = accepted
        connection.buffer = b""
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            connection.socket = accepted = self.secure(accepted)
            with self._lock:
                self._open.add(accepted)
            self.run(connection)
        except (OSError, EOFError):
            pass
        with self._lock:
            self._open.discard(accepted)
        accepted.close()

    def secure(self, accepted):
        """What the bytes of a connection go through."""
        return accepted

    def run(self, connection):
        self._serve(self, connection)

    def read_head(self, connection):
        """That of the next request."""
        head = connection.read_until(b"\r\n\r\n")
        self.requests.append(head)
        return head

    def read_body(self, connection, head):
        lower = head.lower()
        if b"\r\ntransfer-encoding: chunked" in lower:
            body = connection._body({"transfer-encoding": "chunked"})
            self.trailers = connection.trailers
            return body
        if b"\r\ncontent-length: " in lower:
            size = int(lower.split(b"\r\ncontent-length: ")[1].split(b"\r\n")[0])
            return connection.read_exactly(size)
        return b""

    def read_request(self, connection):
        """Head and body of the next request."""
        head = self.read_head(connection)
        return head, self.read_body(connection, head)

    def close(self):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # Or who accepts would keep it open.
        except OSError:
            pass
        self._listener.close()
        with self._lock:
            for accepted in self._open:
                try:
                    accepted.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def respond_ok(server, connection):
    """Answers every request with 200 and the body that came."""
    while True:
        _, body = server.read_request(connection)
        connection.send(ok(body))


def header_of(head, name):
    """The value of a header of `head`, None if there is none; `name` in lower case."""
    for line in head.decode("latin-1").split("\r\n"):
        if line.lower().startswith(name + ":"):
            return line.split(":", 1)[1].strip()
    return None


def ok(body):
    """A response."""
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def once(response):
    """A serve function: the same bytes for every request, on a connection that stays."""

    def serve(server, connection):
        while True:
            server.read_request(connection)
            connection.send(response)

    return serve
