"""WebSocket between a client and a server of Node's `ws`, in the clear and over TLS."""

import os
import subprocess
import unittest

from harness.fetched import node_modules
from harness.process import Process, Proxy, free_port, runfile
from harness.tls import Authority

CONFIG = """
kind: Listener
name: tls
address: 127.0.0.1:{port}
tls: {certificates: [server]}
---
kind: Listener
name: plain
address: 127.0.0.1:%d
---
kind: Upstream
name: chat
endpoints: [{address: "127.0.0.1:%d"}]
---
kind: Route
name: chat
upstream: chat
upgrades: [websocket]
"""

SCENARIOS = ["text", "binary", "deflated", "plain", "fragments", "pings", "many", "close"]


class WebSocketTest(unittest.TestCase):
    def setUp(self):
        self.environment = {**os.environ, "NODE_PATH": node_modules("test/clients/node")}
        server = Process(["node", runfile("test/clients/node/ws_server.js")], self.environment)
        self.addCleanup(server.stop)
        upstream = int(server.wait_for_line("listening on").rsplit(" ", 1)[1])
        self.authority = Authority()
        self.addCleanup(self.authority.close)
        self.plain_port = free_port()
        self.proxy = Proxy(CONFIG % (self.plain_port, upstream) +
                           self.authority.issue("localhost", "DNS:localhost").yaml("server"))
        self.addCleanup(self.proxy.stop)

    def check(self, *arguments):
        done = subprocess.run(
            ["node", runfile("test/clients/node/ws_client.js"), *arguments], text=True, timeout=60,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment)
        self.assertEqual(done.stdout.splitlines(), [name + " ok" for name in SCENARIOS])

    def test_in_the_clear(self):
        self.check("ws://localhost:%d" % self.plain_port)

    def test_over_tls(self):
        self.check("wss://localhost:%d" % self.proxy.port, self.authority.pem)


if __name__ == "__main__":
    unittest.main()
