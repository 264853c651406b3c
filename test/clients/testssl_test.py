"""What testssl.sh finds at TLS listeners, with certificates of both kinds and with RSA alone: protocols,
ciphers, forward secrecy, known vulnerabilities. Nothing above "LOW"."""

import json
import os
import subprocess
import tempfile
import unittest

from harness.process import Proxy, free_port
from harness.raw import Server
from harness.tls import Authority

CONFIG = """
kind: Listener
name: both
address: 127.0.0.1:{port}
tls: {certificates: [ecdsa, rsa]}
---
kind: Listener
name: rsa
address: 127.0.0.1:%d
tls: {certificates: [rsa]}
---
kind: Upstream
name: up
endpoints: [{address: "127.0.0.1:%d"}]
---
kind: Route
name: all
upstream: up
"""

FINE = {"OK", "INFO", "LOW", "DEBUG"}


class TestsslTest(unittest.TestCase):
    def start(self, folder, port):
        """One run of the tool, which mostly waits; its report is PORT.json."""
        return subprocess.Popen(
            ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1",
             "--jsonfile", os.path.join(folder, "%d.json" % port), "-p", "-s", "-f", "-P", "-U",
             "localhost:%d" % port],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def check(self, findings, output):
        # Others are about the tool's own OpenSSL.
        severities = {f["id"]: (f["severity"], f["finding"]) for f in findings if f["ip"] != "/"}
        # It has come to its end, and has seen what is there.
        for expected in ("TLS1_2", "TLS1_3", "cipherlist_STRONG", "heartbleed", "ROBOT", "RC4",
                         "scanTime"):
            self.assertIn(expected, severities, output)
        for expected in ("TLS1_2", "TLS1_3", "cipherlist_STRONG"):
            self.assertEqual(severities[expected][0], "OK")
        for name, (severity, finding) in severities.items():
            with self.subTest(name):
                self.assertIn(severity, FINE, finding)

    def test_nothing_is_found_above_low(self):
        upstream = Server()
        self.addCleanup(upstream.close)
        authority = Authority()
        self.addCleanup(authority.close)
        rsa_port = free_port()
        proxy = Proxy(CONFIG % (rsa_port, upstream.port) +
                      authority.issue("localhost", "DNS:localhost").yaml("ecdsa") +
                      authority.issue("localhost", "DNS:localhost", rsa=True).yaml("rsa"))
        self.addCleanup(proxy.stop)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        runs = [(port, self.start(folder.name, port)) for port in (proxy.port, rsa_port)]
        for port, run in runs:
            output, _ = run.communicate(timeout=840)
            with open(os.path.join(folder.name, "%d.json" % port)) as f, self.subTest(port=port):
                self.check(json.load(f), output)


if __name__ == "__main__":
    unittest.main()
