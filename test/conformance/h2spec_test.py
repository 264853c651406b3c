"""h2spec: every case of its suites (generic, hpack, http2), whatever the upstreams speak."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from harness.process import Proxy, runfile
from harness.raw import Server

CASES = 145

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
---
kind: Upstream
name: up
protocol: %s
endpoints: [{address: "127.0.0.1:%d"}]
---
kind: Route
name: all
upstream: up
"""

# Cases about the windows of a response are skipped with a small one.
BODY = b"x" * 20_000

MODULE = "test/conformance/h2spec"


def go():
    for path in (shutil.which("go"), "/usr/local/go/bin/go", "/usr/lib/go/bin/go"):
        if path and os.path.exists(path):
            return path
    raise AssertionError("no Go: install golang-go")


def download(work, environment):
    """Fetches the pinned modules. Without the network they come from, the test has no tool: it is
    skipped. Modules that are not the pinned ones are an error."""
    done = subprocess.run([go(), "mod", "download"], cwd=work, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode == 0:
        return
    if "checksum mismatch" in done.stdout:
        raise AssertionError(done.stdout)
    raise unittest.SkipTest("h2spec cannot be fetched: " + done.stdout.strip().splitlines()[-1])


def h2spec():
    """The tool, built once into a cache outside of the source tree."""
    home = os.path.expanduser("~")
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum", "tools.go"):
        with open(runfile(os.path.join(MODULE, name)), "rb") as f:
            digest.update(f.read())
    cache = os.path.join(home, ".cache", "sluice-h2spec", digest.hexdigest()[:16])
    binary = os.path.join(cache, "h2spec")
    if os.path.exists(binary):
        return binary
    os.makedirs(cache, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        for name in ("go.mod", "go.sum", "tools.go"):
            shutil.copy(runfile(os.path.join(MODULE, name)), work)
        built = os.path.join(work, "h2spec")
        environment = {**os.environ, "HOME": home, "GOFLAGS": "-mod=mod"}
        download(work, environment)
        subprocess.run(
            [go(), "build", "-o", built, "github.com/summerwind/h2spec/cmd/h2spec"], cwd=work,
            check=True, env=environment)
        shutil.copy(built, binary + ".new")
        os.rename(binary + ".new", binary)
    return binary


def large(server, connection):
    while True:
        server.read_request(connection)
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY))


class H2specTest(unittest.TestCase):
    def run_against(self, proxy, *options):
        """Runs all cases; each is a result of its own."""
        with tempfile.TemporaryDirectory() as directory:
            report = os.path.join(directory, "report.xml")
            done = subprocess.run(
                [h2spec(), "-h", "127.0.0.1", "-p", str(proxy.port), "-o", "5", "-j", report,
                 *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                timeout=240)
            self.assertTrue(os.path.exists(report), done.stdout)
            cases = xml.etree.ElementTree.parse(report).getroot().findall(".//testcase")
        self.assertEqual(len(cases), CASES)
        for case in cases:
            with self.subTest(section=case.get("package"), case=case.get("classname")):
                self.assertIsNone(case.find("skipped"), "skipped")
                for kind in ("failure", "error"):
                    found = case.find(kind)
                    self.assertIsNone(found, None if found is None else found.text)

    def test_http1_upstream(self):
        with Server(large) as upstream, Proxy(CONFIG % ("http1", upstream.port)) as proxy:
            self.run_against(proxy)

    def test_http2_upstream(self):
        """The upstream is another proxy, before one that speaks HTTP/1.1."""
        with Server(large) as origin, \
                Proxy(CONFIG % ("http1", origin.port)) as upstream, \
                Proxy(CONFIG % ("http2", upstream.port)) as proxy:
            self.run_against(proxy)


if __name__ == "__main__":
    unittest.main()
