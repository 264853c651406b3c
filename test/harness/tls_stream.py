"""A TLS socket that one thread may read while another writes, which an SSLSocket is not."""

import socket
import ssl
import threading


class TlsStream:
    """Over a connected socket, past its handshake; fails as that does."""

    def __init__(self, raw, context, server_side=False, server_hostname=None):
        self._raw = raw
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server_side,
                                     server_hostname=server_hostname)
        self._lock = threading.Lock()  # Of the three above.
        self._writing = threading.Lock()  # Keeps what was encrypted in its order.
        self._step(self._tls.do_handshake)

    def _step(self, call):
        """The result of a call that may have to read first."""
        while True:
            wants_input = False
            with self._lock:
                try:
                    return call()
                except ssl.SSLWantReadError:
                    wants_input = True
                finally:
                    has_output = self._outgoing.pending > 0
                    if has_output and not wants_input:
                        self._flush_locked()
            if has_output:
                self._flush()
            data = self._raw.recv(65536)
            with self._lock:
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()

    def _flush_locked(self):
        data = self._outgoing.read()
        if data:
            try:
                self._raw.sendall(data)
            except OSError:
                pass  # Whoever reads will hear of it.

    def _flush(self):
        with self._writing:
            with self._lock:
                data = self._outgoing.read()
            self._raw.sendall(data)

    def recv(self, size):
        try:
            return self._step(lambda: self._tls.read(size))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def sendall(self, data):
        with self._writing:
            with self._lock:
                self._tls.write(data)
                encrypted = self._outgoing.read()
            self._raw.sendall(encrypted)

    def shutdown(self, how):
        """Says that nothing follows, where only that is asked for."""
        if how == socket.SHUT_WR:
            with self._lock:
                try:
                    self._tls.unwrap()
                except ssl.SSLError:
                    pass  # The peer has not said so.
            self._flush()
        self._raw.shutdown(how)

    def selected_alpn_protocol(self):
        return self._tls.selected_alpn_protocol()

    def gettimeout(self):
        return self._raw.gettimeout()

    def settimeout(self, seconds):
        self._raw.settimeout(seconds)

    def setsockopt(self, *arguments):
        self._raw.setsockopt(*arguments)

    def close(self):
        """Says that nothing follows: an end that nobody announced may be an attacker's."""
        with self._lock:
            try:
                self._tls.unwrap()
            except (ssl.SSLError, ValueError):
                pass  # The peer has not said so, or the handshake is not done.
            self._flush_locked()
        self._raw.close()
