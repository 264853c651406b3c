"""Private keys and ticket keys: who gets them, and who never sees them."""

import base64
import contextlib
import hmac
import os
import re
import signal
import sqlite3
import tempfile
import unittest

from harness.process import ControlPlane, FleetProxy, free_port, sluicectl, wait_until
from harness.raw import Client
from harness.seal import Sealer
from harness.tls import Authority, TlsClient, TlsServer, demand_certificates_of, read

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


UPSTREAM = """
kind: Listener
name: edge
address: 127.0.0.1:%d
groups: [edge]
---
kind: Listener
name: inner
address: 127.0.0.1:%d
groups: [inner]
---
kind: Upstream
name: orders
endpoints: [{address: "127.0.0.1:%d"}]
tls: {ca_certificates: {from_file: %s}, certificate: shop}
---
kind: Route
name: orders
listeners: [edge]
upstream: orders
---
kind: Route
name: rest
listeners: [inner]
plugins: {respond: {status: 200}}
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


def generation_of(output):
    return re.search(r"generation (\d+)", output).group(1)


class SecretCase(unittest.TestCase):
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
        self.data = os.path.join(self.folder(), "data")
        self.control = ControlPlane(self.data)
        self.addCleanup(lambda: self.control.stop())
        self.port = free_port()
        self.config = CONFIG % (self.port, free_port()) + self.issued.yaml("shop")

    def ctl(self, *arguments, **options):
        output = sluicectl(self.control.grpc_port, *arguments, **options)
        self.assertNotIn(self.key_line, output)
        self.assertNotIn("PRIVATE KEY", output)
        return output

    def start_proxy(self, name, groups):
        """A proxy and its state directory."""
        state = self.folder()
        proxy = FleetProxy(self.control.grpc_port, state, name, groups)
        self.addCleanup(proxy.stop)
        proxy.wait_for_line("connected")
        return proxy, state


class KeyTest(SecretCase):
    def expect_key_in(self, proxy, state):
        """What a proxy got it keeps on its disk."""
        proxy.stop()
        self.assertTrue(holds(state, self.key_line.encode()))

    def expect_no_key_in(self, proxy, state):
        proxy.stop()
        self.assertFalse(holds(state, self.key_line.encode()))

    def test_a_key_is_shown_to_nobody_and_taken_back_as_its_hash(self):
        preview = self.ctl("apply", "-f", "-", "--dry-run", stdin=self.config)
        self.assertIn("Certificate", preview)
        first = generation_of(self.ctl("apply", "-f", "-", stdin=self.config))
        for arguments in (["get", "certificates"], ["get", "certificate", "shop"],
                          ["get", "all", "-o", "json"], ["history"], ["status"]):
            self.ctl(*arguments)
        listed = self.ctl("get", "all", "-o", "yaml")
        self.assertIn("private_key: sha256:", listed.replace('"', ""))
        self.assertIn("unchanged", self.ctl("apply", "-f", "-", stdin=listed))
        before = generation_of(self.ctl(
            "apply", "-f", "-", stdin=listed.replace("kind: Certificate\n",
                                                     "kind: Certificate\ndescription: x\n")))
        other = self.authority.issue("other", "DNS:shop.example")
        after = generation_of(self.ctl("apply", "-f", "-", stdin=other.yaml("shop")))
        self.assertIn("private_key", self.ctl("diff", before, after))
        refused = self.ctl("apply", "-f", "-", stdin=listed, status=1)
        self.assertIn("is a hash that is not stored", refused)
        self.ctl("rollback", first)
        self.assertNotIn(self.key_line, "\n".join(self.control.lines))
        self.assertFalse(holds(self.data, self.key_line.encode()))

    def test_a_key_reaches_the_proxies_whose_listener_names_it_and_no_others(self):
        edge, edge_state = self.start_proxy("edge-1", "edge")
        inner, inner_state = self.start_proxy("inner-1", "inner")
        self.ctl("apply", "-f", "-", "--wait", stdin=self.config)
        with TlsClient(self.port, self.authority, "shop.example") as client:
            response = client.send(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n").response()
            self.assertEqual(response.body, b"hello")
        self.expect_key_in(edge, edge_state)
        self.expect_no_key_in(inner, inner_state)
        for folder, _, names in os.walk(edge_state):
            for name in names:
                mode = os.stat(os.path.join(folder, name)).st_mode & 0o077
                self.assertEqual(mode, 0, name)

    def test_a_clients_key_reaches_the_proxies_that_see_the_upstream_and_no_others(self):
        edge, edge_state = self.start_proxy("edge-1", "edge")
        inner, inner_state = self.start_proxy("inner-1", "inner")
        upstream = TlsServer(self.authority.issue("orders", "IP:127.0.0.1"),
                             configure=demand_certificates_of(self.authority))
        self.addCleanup(upstream.close)
        self.ctl("apply", "-f", "-", "--wait", stdin=UPSTREAM % (
            self.port, free_port(), upstream.port, self.authority.pem) + self.issued.yaml("shop"))
        with Client(self.port) as client:
            response = client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").response()
            self.assertEqual(response.status, 200)
        self.assertEqual(upstream.clients, ["shop"])
        # A renewed one is shown without a change of the upstream.
        renewed = self.authority.issue("renewed", "DNS:shop.example")
        self.ctl("apply", "-f", "-", "--wait", stdin=renewed.yaml("shop"))
        with Client(self.port) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").response()
        self.assertEqual(upstream.clients, ["shop", "renewed"])
        self.key_line = read(renewed.key).split("\n")[1]
        self.expect_key_in(edge, edge_state)
        self.expect_no_key_in(inner, inner_state)


class TicketTest(SecretCase):
    """Proxies that serve a listener one after the other, since here they share an address."""

    def setUp(self):
        super().setUp()
        self.ctl("apply", "-f", "-", stdin=self.config)
        wait_until(self.ring, "ticket keys")

    def ring(self):
        """The stored secrets, each with the time since when it seals; empty if there are none."""
        with contextlib.closing(sqlite3.connect(os.path.join(self.data, "sluice.db"))) as database:
            row = database.execute("SELECT bytes FROM ticket_keys").fetchone()
        plain = Sealer(self.data + ".seal-key").open(row[0], b"ticket keys") if row else b""
        return [(int.from_bytes(plain[i:i + 8], "little"), plain[i + 8:i + 40])
                for i in range(0, len(plain), 40)]

    def make_due(self):
        """As if a rotation ago was the last one. The control plane must be down."""
        ring = self.ring()
        plain = b"".join(time.to_bytes(8, "little") + secret
                         for time, secret in [(0, ring[0][1])] + ring[1:])
        database = sqlite3.connect(os.path.join(self.data, "sluice.db"))
        with database:
            (sealed,) = database.execute("SELECT bytes FROM ticket_keys").fetchone()
            database.execute("UPDATE ticket_keys SET bytes = ?", (
                Sealer(self.data + ".seal-key").seal_like(sealed, plain, b"ticket keys"),))
        database.close()

    def restart_control_plane(self, between=lambda: None):
        self.control.signal(signal.SIGTERM)
        self.control.wait()
        self.control.stop()
        between()
        self.control = ControlPlane(self.data, self.control.grpc_port, self.control.http_port)

    def visit(self, session=None):
        """A session to resume, and whether this one was."""
        with TlsClient(self.port, self.authority, "shop.example", session=session) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n").response()
            return client.session, client.socket.session_reused

    def wait_for_all(self):
        """Until the proxies have all that was committed until now."""
        self.ctl("apply", "-f", "-", "--wait", stdin=(
            "kind: Route\nname: all\ndescription: %d\n"
            "plugins: {respond: {status: 200, body: hello}}\n" % len(self.control.lines)))

    def test_a_session_of_one_proxy_is_resumed_by_another_also_after_a_rotation(self):
        first, _ = self.start_proxy("edge-1", "edge")
        self.wait_for_all()
        session, _ = self.visit()
        first.stop()
        second, state = self.start_proxy("edge-2", "edge")
        self.wait_for_all()
        self.assertTrue(self.visit(session)[1])

        old = self.ring()
        self.restart_control_plane()
        second.wait_for_line("connected", 2)
        self.assertEqual(self.ring(), old)  # A restart keeps them.
        self.restart_control_plane(self.make_due)
        wait_until(lambda: len(self.ring()) > len(old), "a rotation")
        self.assertEqual(self.ring()[1][1], old[0][1])  # The next one seals.
        second.wait_for_line("connected", 3)
        self.wait_for_all()
        resumed, was_resumed = self.visit(session)
        self.assertTrue(was_resumed)

        # Without a control plane, from its disk.
        self.control.stop()
        second.stop()
        again = FleetProxy(self.control.grpc_port, state, "edge-2", "edge")
        self.addCleanup(again.stop)
        again.wait_for_line("admin pages on")
        wait_until(self.listens, "the listener")
        self.assertTrue(self.visit(session)[1])
        self.assertTrue(self.visit(resumed)[1])

    def listens(self):
        with contextlib.suppress(OSError):
            return self.visit()
        return None

    def test_they_are_in_no_listing_log_or_file_but_that_of_proxies_that_use_them(self):
        edge, edge_state = self.start_proxy("edge-1", "edge")
        inner, inner_state = self.start_proxy("inner-1", "inner")
        self.wait_for_all()
        secrets = [secret for _, secret in self.ring()]
        keys = [hmac.digest(secret, b"key:edge", "sha256") for secret in secrets]
        text = self.ctl("get", "all", "-o", "yaml") + self.ctl("diff", "1", "2")
        text += self.ctl("history")
        self.assertNotIn("ticket", text)
        history = self.ctl("history", "--all")
        self.assertIn("ticket keys", history)
        text += history + self.ctl("status") + "\n".join(
            self.control.lines + edge.lines + inner.lines)
        edge.stop()
        inner.stop()
        for secret in secrets + keys:
            for shown in (secret.hex(), base64.b64encode(secret).decode()):
                self.assertNotIn(shown, text.lower() if shown.islower() else text)
            self.assertFalse(holds(self.data, secret))
            self.assertFalse(holds(inner_state, secret))
        for key in keys:
            self.assertTrue(holds(edge_state, key))
        for secret in secrets:
            self.assertFalse(holds(edge_state, secret))


if __name__ == "__main__":
    unittest.main()
