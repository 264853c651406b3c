"""Private keys: who gets them, and who never sees them."""

import os
import tempfile
import unittest

from harness.process import ControlPlane, FleetProxy, free_port, sluicectl
from harness.tls import Authority, TlsClient, read

CONFIG = """
kind: Listener
name: edge
address: 127.0.0.1:%d
groups: [edge]
tls: {certificates: [shop]}
---
kind: Listener
name: inner
address: 127.0.0.1:%d
groups: [inner]
---
kind: Route
name: all
plugins: {respond: {status: 200, body: hello}}
"""


def holds(directory, text):
    """Whether any file below `directory` has `text` in it."""
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.isfile(path):
                continue  # A socket.
            with open(path, "rb") as f:
                if text in f.read():
                    return True
    return False


class KeyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)

    def folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    def setUp(self):
        self.issued = self.authority.issue("shop", "DNS:shop.example")
        self.key_line = read(self.issued.key).split("\n")[1]
        self.control = ControlPlane(self.folder())
        self.addCleanup(self.control.stop)
        self.port = free_port()
        self.config = CONFIG % (self.port, free_port()) + self.issued.yaml("shop")

    def ctl(self, *arguments, **options):
        output = sluicectl(self.control.grpc_port, *arguments, **options)
        self.assertNotIn(self.key_line, output)
        self.assertNotIn("PRIVATE KEY", output)
        return output

    def test_a_key_is_shown_to_nobody_and_taken_back_as_its_hash(self):
        preview = self.ctl("apply", "-f", "-", "--dry-run", stdin=self.config)
        self.assertIn("Certificate", preview)
        self.ctl("apply", "-f", "-", stdin=self.config)
        for arguments in (["get", "certificates"], ["get", "certificate", "shop"],
                          ["get", "all", "-o", "json"], ["history"], ["status"]):
            self.ctl(*arguments)
        listed = self.ctl("get", "all", "-o", "yaml")
        self.assertIn("private_key: sha256:", listed.replace('"', ""))
        self.assertIn("unchanged", self.ctl("apply", "-f", "-", stdin=listed))
        self.ctl("apply", "-f", "-", stdin=listed.replace("kind: Certificate\n",
                                                          "kind: Certificate\ndescription: x\n"))
        other = self.authority.issue("other", "DNS:shop.example")
        self.ctl("apply", "-f", "-", stdin=other.yaml("shop"))
        self.assertIn("private_key", self.ctl("diff", "2", "3"))
        refused = self.ctl("apply", "-f", "-", stdin=listed, status=1)
        self.assertIn("is a hash that is not stored", refused)
        self.ctl("rollback", "1")
        self.assertNotIn(self.key_line, "\n".join(self.control.lines))

    def test_a_key_reaches_the_proxies_whose_listener_names_it_and_no_others(self):
        edge_state, inner_state = self.folder(), self.folder()
        edge = FleetProxy(self.control.grpc_port, edge_state, "edge-1", "edge")
        self.addCleanup(edge.stop)
        inner = FleetProxy(self.control.grpc_port, inner_state, "inner-1", "inner")
        self.addCleanup(inner.stop)
        for proxy in (edge, inner):
            proxy.wait_for_line("admin pages on")
        self.ctl("apply", "-f", "-", "--wait", stdin=self.config)
        with TlsClient(self.port, self.authority, "shop.example") as client:
            response = client.send(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n").response()
            self.assertEqual(response.body, b"hello")
        # What a proxy got it keeps on its disk, and only there for its owner.
        edge.stop()
        inner.stop()
        self.assertTrue(holds(edge_state, self.key_line.encode()))
        self.assertFalse(holds(inner_state, self.key_line.encode()))
        for folder, _, names in os.walk(edge_state):
            for name in names:
                mode = os.stat(os.path.join(folder, name)).st_mode & 0o077
                self.assertEqual(mode, 0, name)


if __name__ == "__main__":
    unittest.main()
