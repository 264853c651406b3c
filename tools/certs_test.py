"""tools/certs: what it makes is what openssl and Sluice want of certificates."""

import os
import subprocess
import tempfile
import unittest

CERTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "certs")


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True).stdout


class CertsTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = os.path.join(directory.name, "trial")

    def path(self, name):
        return os.path.join(self.directory, name)

    def certs(self, *arguments, status=0):
        done = subprocess.run([CERTS, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def make(self, *arguments, status=0):
        return self.certs(self.directory, *arguments, status=status)

    def names(self, file):
        return openssl("x509", "-in", self.path(file), "-noout", "-ext", "subjectAltName")

    def is_good(self, file, purpose):
        return ": OK" in openssl("verify", "-CAfile", self.path("ca.crt"), "-purpose", purpose,
                                 self.path(file))

    def test_a_server_is_of_the_names_and_addresses_that_were_given(self):
        self.make("server", "localhost", "127.0.0.1", "::1")
        names = self.names("server.crt")
        self.assertIn("DNS:localhost", names)
        self.assertIn("IP Address:127.0.0.1", names)
        self.assertIn("IP Address:0:0:0:0:0:0:0:1", names)
        self.assertTrue(self.is_good("server.crt", "sslserver"))
        self.assertFalse(self.is_good("server.crt", "sslclient"))

    def test_the_uri_of_a_client_says_what_it_may_do(self):
        for arguments, file, uri in (
                (("proxy", "edge,eu", "edge-1"), "proxy-edge-1.crt", "sluice://proxy/edge,eu/edge-1"),
                (("proxy", "-", "lone"), "proxy-lone.crt", "sluice://proxy/-/lone"),
                (("endpoints", "orders"), "endpoints-orders.crt", "sluice://endpoints/orders"),
                (("viewer", "bob"), "viewer-bob.crt", "sluice://viewer/bob"),
                (("admin", "alice"), "admin-alice.crt", "sluice://admin/alice")):
            self.assertIn(file, self.make(*arguments))
            self.assertIn("URI:%s\n" % uri, self.names(file))
            self.assertTrue(self.is_good(file, "sslclient"), file)
            self.assertFalse(self.is_good(file, "sslserver"), file)

    def test_the_authority_is_made_once(self):
        self.make("admin", "alice")
        with open(self.path("ca.crt")) as file:
            before = file.read()
        self.make("admin", "bob")
        self.make()
        with open(self.path("ca.crt")) as file:
            self.assertEqual(file.read(), before)
        self.assertTrue(self.is_good("admin-alice.crt", "sslclient"))

    def test_only_the_owner_reads_keys(self):
        self.make("admin", "alice")
        for key in ("ca.key", "admin-alice.key"):
            self.assertEqual(os.stat(self.path(key)).st_mode & 0o777, 0o600)

    def test_days_in_the_past_make_an_expired_certificate(self):
        self.certs("--days", "-1", self.directory, "admin", "alice")
        self.assertFalse(self.is_good("admin-alice.crt", "sslclient"))

    def test_mistakes_are_named_and_make_nothing(self):
        for arguments, words in (
                (("boss", "x"), "there are server, proxy, endpoints, viewer and admin"),
                (("proxy", "a,,b", "n"), "GROUPS"),
                (("proxy", "edge"), "proxy GROUPS NODE"),
                (("admin", "a/b"), "letters, digits"),
                (("server", "no name"), "neither a DNS name nor an IP address")):
            self.assertIn(words, self.make(*arguments, status=2))
        self.assertEqual([name for name in os.listdir(self.directory) if not name.startswith("ca.")],
                         [])

    def test_help_says_how(self):
        self.assertIn("tools/certs trial admin alice", self.certs("--help"))


if __name__ == "__main__":
    unittest.main()
