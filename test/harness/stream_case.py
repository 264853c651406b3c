"""What tests of connections that are not HTTP start from: a listener, its log, upstreams and routes."""

import tempfile
import unittest

from harness.process import Proxy, wait_until
from harness.raw import Client, Server

LISTENER = """
kind: Listener
name: raw
address: 127.0.0.1:{port}
protocol: %s
access_log:
  path: %s
  template: "%%ROUTE%% %%UPSTREAM_HOST%% %%RESPONSE_CODE_DETAILS%% %%BYTES_RECEIVED%% \
%%BYTES_SENT%% %%REQUESTED_SERVER_NAME%% %%RESPONSE_FLAGS%%"
%s
"""


def upstream(name, *ports, more=""):
    endpoints = ", ".join('{address: "127.0.0.1:%d"}' % port for port in ports)
    return "---\nkind: Upstream\nname: %s\nendpoints: [%s]\n%s\n" % (name, endpoints, more)


def route(name, to, more=""):
    return "---\nkind: StreamRoute\nname: %s\nupstream: %s\n%s\n" % (name, to, more)


def echo(server, connection):
    """Sends back what comes, and ends when the other side has ended."""
    while True:
        data = connection.socket.recv(65536)
        if not data:
            return
        connection.send(data)


def say(text):
    """Says who it is and waits for the end."""

    def serve(server, connection):
        connection.send(text)
        while connection.socket.recv(65536):
            pass

    return serve


class StreamCase(unittest.TestCase):
    """Its log has route, endpoint, details, bytes received and sent, server name and flags."""

    def setUp(self):
        self.log = tempfile.NamedTemporaryFile(mode="r", suffix=".log")
        self.addCleanup(self.log.close)

    def server(self, serve=echo):
        server = Server(serve)
        self.addCleanup(server.close)
        return server

    def config(self, resources, protocol="tcp", listener=""):
        return LISTENER % (protocol, self.log.name, listener) + resources

    def start(self, resources, protocol="tcp", listener="", extra=()):
        proxy = Proxy(self.config(resources, protocol, listener), extra=extra)
        self.addCleanup(proxy.stop)
        return proxy

    def connect(self, proxy):
        client = Client(proxy.port)
        self.addCleanup(client.close)
        return client

    def line(self):
        """The next one of the access log, in words."""
        return wait_until(self.log.readline, "a line in the log").split()
