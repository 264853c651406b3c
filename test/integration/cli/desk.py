"""sluicectl at a control plane of its own: what the tests of its commands start from."""

import os
import subprocess
import tempfile
import unittest

from harness.process import ControlPlane, runfile

CONFIG = """\
kind: Upstream
name: orders
endpoints:
  - address: 10.0.0.1:80
---
kind: Route
name: orders
labels: {team: a}
paths: [/orders/*]
upstream: orders
---
kind: Route
name: users
labels: {team: b}
paths: [/users/*]
upstream: orders
timeout: 15s
"""

STREAMS = """\
kind: Upstream
name: up
endpoints: [{address: "10.0.0.1:1"}]
---
kind: Listener
name: database
address: 127.0.0.1:5432
protocol: tcp
---
kind: StreamRoute
name: database
listeners: [database]
client_ips: [10.0.0.0/8]
upstream: up
---
kind: Listener
name: through
address: 127.0.0.1:8443
protocol: tls_passthrough
---
kind: StreamRoute
name: tenants
server_names: ["*.example.com"]
upstream: up
"""


class Result:
    """What a run of sluicectl came to."""

    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr


def run_program(arguments, stdin="", environment=None, folder=None):
    done = subprocess.run([runfile("tools/sluicectl/sluicectl"), *arguments], input=stdin, text=True,
                          capture_output=True, cwd=folder, timeout=60,
                          env={**os.environ, **(environment or {})})
    return Result(done)


class DeskTest(unittest.TestCase):
    """A control plane for each test."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.server = ControlPlane(self.path("data"))
        self.addCleanup(self.server.stop)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_ctl(self, *arguments, stdin="", environment=None):
        return run_program(arguments, stdin, folder=self.folder, environment={
            "SLUICE_SERVER": self.server.address, **(environment or {})})

    def ctl(self, *arguments, status=0, **options):
        """What it printed on standard output, or on both if it is to fail."""
        result = self.run_ctl(*arguments, **options)
        self.assertEqual(result.status, status, result.out + result.err)
        return result.out if status == 0 else result.out + result.err

    def apply(self, text, *arguments, status=0):
        return self.ctl("apply", "-f", "-", *arguments, stdin=text, status=status)

    def write(self, name, text):
        path = self.path(name)
        with open(path, "w") as file:
            file.write(text)
        return path
