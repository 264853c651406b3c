"""Client, Server and Proxy that speak what the environment says: so a test of behaviour, written in
the bytes of HTTP/1.1, holds for every combination of protocols.

SLUICE_CLIENT and SLUICE_UPSTREAM are each one of http1, http1_tls, http2 and http2_tls; http1 where
they are not set. A test that is of one protocol alone says so, and why."""

import atexit
import functools
import os
import re
import ssl
import unittest

from harness import process, raw
from harness.h2_view import ClientView, serve_streams
from harness.tls import Authority
from harness.tls_stream import TlsStream

CLIENT = os.environ.get("SLUICE_CLIENT", "http1")
UPSTREAM = os.environ.get("SLUICE_UPSTREAM", "http1")


def is_tls(kind):
    return kind.endswith("_tls")


def is_http2(kind):
    return kind.startswith("http2")


SCHEME = "https" if is_tls(CLIENT) else "http"


def http1_client(why):
    """For tests of what only HTTP/1.1 has towards clients."""
    return unittest.skipIf(is_http2(CLIENT), why)


def plain_client(why):
    return unittest.skipIf(is_tls(CLIENT), why)


def http1_upstream(why):
    return unittest.skipIf(is_http2(UPSTREAM), why)


def plain_upstream(why):
    return unittest.skipIf(is_tls(UPSTREAM), why)


@functools.cache
def _authority():
    authority = Authority()
    atexit.register(authority.close)
    return authority


@functools.cache
def _issued():
    return _authority().issue("matrix", "DNS:matrix.example", "IP:127.0.0.1")


def _context(kind, purpose):
    context = ssl.create_default_context(purpose, cafile=_authority().pem)
    context.set_alpn_protocols(["h2" if is_http2(kind) else "http/1.1"])
    if purpose == ssl.Purpose.CLIENT_AUTH:
        context.load_cert_chain(_issued().certificate, _issued().key)
    return context


def _configured(text):
    """`text` with what the combination needs in every Listener and Upstream."""
    listener = upstream = ""
    if is_tls(CLIENT):
        listener = "tls: {certificates: [matrix]}\n"
    if is_http2(UPSTREAM):
        upstream = "protocol: http2\n"
    if is_tls(UPSTREAM):
        upstream += "tls: {ca_certificates: {from_file: %s}}\n" % _authority().pem
    text = re.sub(r"(?m)^kind: Listener\n", lambda found: found.group() + listener, text)
    text = re.sub(r"(?m)^kind: Upstream\n", lambda found: found.group() + upstream, text)
    return text + (_issued().yaml("matrix") if is_tls(CLIENT) else "")


class Proxy(process.Proxy):
    def write(self, config):
        super().write(_configured(config))


class Client(raw.Client):
    def __init__(self, port, timeout=30):
        super().__init__(port, timeout)
        try:
            if is_tls(CLIENT):
                self.socket = TlsStream(
                    self.socket, _context(CLIENT, ssl.Purpose.SERVER_AUTH),
                    server_hostname="matrix.example")
            if is_http2(CLIENT):
                self.socket = ClientView(self.socket, SCHEME.encode())
        except BaseException:
            self.socket.close()
            raise


class Server(raw.Server):
    def secure(self, accepted):
        if not is_tls(UPSTREAM):
            return accepted
        return TlsStream(accepted, _context(UPSTREAM, ssl.Purpose.CLIENT_AUTH), server_side=True)

    def run(self, connection):
        if not is_http2(UPSTREAM):
            return super().run(connection)
        return serve_streams(connection.socket, self._run_stream)

    def _run_stream(self, view):
        connection = raw.Client.__new__(raw.Client)
        connection.socket = view
        connection.buffer = b""
        super().run(connection)
