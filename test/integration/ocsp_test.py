"""OCSP responses handed to clients (stapling), with OpenSSL as the authority's responder and as the
client that verifies them."""

import base64
import subprocess
import unittest

from harness.process import Proxy, wait_until
from harness.tls import Authority

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
tls: {certificates: [shop]}
---
kind: Route
name: all
plugins: {respond: {status: 200, body: hello}}
"""


class OcspTest(unittest.TestCase):
    def setUp(self):
        self.authority = Authority()
        self.addCleanup(self.authority.close)
        self.issued = self.authority.issue("shop", "DNS:shop.example")

    def config(self, response=None):
        text = CONFIG + self.issued.yaml("shop")
        if response is not None:
            text += "ocsp_response: %s\n" % base64.b64encode(response).decode()
        return text

    def start(self, response=None):
        proxy = Proxy(self.config(response))
        self.addCleanup(proxy.stop)
        return proxy

    def status_seen(self, proxy, version):
        """What s_client says of the response that it got and verified."""
        done = subprocess.run(
            ["openssl", "s_client", "-connect", "127.0.0.1:%d" % proxy.port, "-servername",
             "shop.example", "-CAfile", self.authority.pem, "-status", version],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=60)
        self.assertIn("Verify return code: 0 (ok)", done.stdout)
        if "OCSP response: no response sent" in done.stdout:
            return None
        self.assertIn("OCSP Response Status: successful", done.stdout)
        return [line.split(": ")[1] for line in done.stdout.splitlines() if "Cert Status" in line]

    def test_clients_that_ask_get_it_in_both_versions(self):
        proxy = self.start(self.authority.ocsp(self.issued))
        for version in ("-tls1_2", "-tls1_3"):
            self.assertEqual(self.status_seen(proxy, version), ["good"], version)

    def test_one_that_comes_with_a_reload_is_handed_out_and_one_that_ended_is_not(self):
        proxy = self.start()
        self.assertIsNone(self.status_seen(proxy, "-tls1_3"))
        proxy.reload(self.config(self.authority.ocsp(self.issued)))
        wait_until(lambda: self.status_seen(proxy, "-tls1_3") == ["good"], "the response")
        proxy.reload(self.config(self.authority.ocsp(self.issued, until="20200102000000Z")))
        wait_until(lambda: self.status_seen(proxy, "-tls1_3") is None, "no response")
        self.assertIsNone(self.status_seen(proxy, "-tls1_2"))


if __name__ == "__main__":
    unittest.main()
