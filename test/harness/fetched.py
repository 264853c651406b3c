"""Tools and libraries that Debian does not have: pinned in the tree with their hashes, fetched once by
their ecosystem's own client into a cache outside of it. Where they cannot be fetched, because there
is no network or no such client, the test is skipped; if what comes is not what is pinned, it fails."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest

from harness.process import runfile


def _cache(name, folder, files):
    """Where what these files pin is kept: another place as soon as one of them changes."""
    digest = hashlib.sha256()
    for file in files:
        with open(runfile(os.path.join(folder, file)), "rb") as f:
            digest.update(f.read())
    place = os.path.join(
        os.path.expanduser("~"), ".cache", "sluice-" + name, digest.hexdigest()[:16])
    os.makedirs(place, exist_ok=True)
    return place


def _run(command, work, environment, what, forged):
    """Runs a client that fetches. `forged`: what it says if a hash is not the pinned one."""
    done = subprocess.run(command, cwd=work, env={**os.environ, **environment},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode == 0:
        return
    if forged in done.stdout:
        raise AssertionError(done.stdout)
    lines = done.stdout.strip().splitlines() or ["no output"]
    raise unittest.SkipTest("%s cannot be fetched: %s" % (what, lines[-1]))


class _Lock:
    """Tests that run side by side fetch once."""

    def __init__(self, place):
        self._file = open(os.path.join(place, "lock"), "w")

    def __enter__(self):
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_):
        self._file.close()


def _go():
    for path in (shutil.which("go"), "/usr/local/go/bin/go", "/usr/lib/go/bin/go"):
        if path and os.path.exists(path):
            return path
    raise AssertionError("no Go: install golang-go")


def go_tool(folder, package):
    """The program of `package`, built from the module in `folder` (go.mod, go.sum, tools.go)."""
    files = ("go.mod", "go.sum", "tools.go")
    name = package.rsplit("/", 1)[1]
    place = _cache(name, folder, files)
    binary = os.path.join(place, name)
    with _Lock(place):
        if os.path.exists(binary):
            return binary
        with tempfile.TemporaryDirectory() as work:
            for file in files:
                shutil.copy(runfile(os.path.join(folder, file)), work)
            environment = {"HOME": os.path.expanduser("~"), "GOFLAGS": "-mod=mod"}
            _run([_go(), "mod", "download"], work, environment, name, "checksum mismatch")
            built = os.path.join(work, "built")
            subprocess.run([_go(), "build", "-o", built, package], cwd=work, check=True,
                           env={**os.environ, **environment})
            shutil.copy(built, binary + ".new")
            os.rename(binary + ".new", binary)
    return binary


def node_modules(folder):
    """The packages that package-lock.json in `folder` pins, to be found by NODE_PATH. None of their
    install scripts is run."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise unittest.SkipTest("there is no %s: install nodejs and npm" % program)
    files = ("package.json", "package-lock.json")
    place = _cache("node", folder, files)
    modules = os.path.join(place, "node_modules")
    with _Lock(place):
        if not os.path.exists(modules):
            with tempfile.TemporaryDirectory(dir=place) as work:
                for file in files:
                    shutil.copy(runfile(os.path.join(folder, file)), work)
                _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], work,
                     {"HOME": os.path.expanduser("~")}, "packages of npm", "EINTEGRITY")
                os.rename(os.path.join(work, "node_modules"), modules)
    return modules
