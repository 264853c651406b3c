"""Starts our programs on free ports, and ends them."""

import fcntl
import os
import random
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from harness.pages import fetch, metric


def runfile(path):
    """A file of the test's runfiles, by its path in the repository."""
    return os.path.join(os.getcwd(), path)


# A sanitizer's own memory is resident, too: what is cannot be bounded then.
IS_SANITIZED = "ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ
bounds_memory = unittest.skipIf(IS_SANITIZED, "a sanitizer takes memory itself")

_RESERVED = []  # Open files; each holds the lock of a port until this process ends.
_RESERVATIONS = os.path.join(tempfile.gettempdir(), "sluice-test-ports-%d" % os.getuid())


def _reserve(port):
    """False if another test has been given this port. Many run at once, and between choosing a port
    and binding it there is time for one to serve the client of another."""
    os.makedirs(_RESERVATIONS, exist_ok=True)
    lock = open(os.path.join(_RESERVATIONS, str(port)), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return False
    _RESERVED.append(lock)
    return True


def free_port():
    """A port of 127.0.0.1 that nobody uses now, and no other test until this one ends. Below those
    that the kernel gives to connections: one of these may be taken before the caller binds."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        first_of_connections = int(f.read().split()[0])
    while True:
        port = random.randrange(10000, max(first_of_connections, 20000))
        if not _reserve(port):
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def wait_until(condition, what, seconds=30):
    """Returns condition()'s first true value; fails if there is none for so long."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited %d s in vain for %s" % (seconds, what))
        time.sleep(0.005)


class Process:
    """A program whose log is kept, for waiting on lines and for failures."""

    def __init__(self, arguments, environment=None, pass_fds=()):
        self.lines = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            pass_fds=pass_fds, env={**os.environ, **(environment or {})})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_for_line(self, text, count=1, seconds=60):
        """The count-th line that contains `text`, once it is there."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                found = [line for line in self.lines if text in line]
                if len(found) >= count:
                    return found[count - 1]
                if self.process.poll() is not None and not self._reader.is_alive():
                    raise AssertionError("ended before %r:\n%s" % (text, "\n".join(self.lines)))
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise AssertionError("no line %r in:\n%s" % (text, "\n".join(self.lines)))

    @property
    def pid(self):
        return self.process.pid

    def memory(self, field):
        """In bytes; VmRSS is what is resident now, VmHWM was at most."""
        with open("/proc/%d/status" % self.pid) as f:
            return next(int(line.split()[1]) * 1024 for line in f if line.startswith(field + ":"))

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=60):
        return self.process.wait(seconds)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(5)
        self.process.stdout.close()
        # It goes on after a race, and its exit status is lost with a kill.
        if any("Sanitizer" in line or "runtime error:" in line for line in self.lines):
            raise AssertionError("\n".join(self.lines))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class ControlPlane(Process):
    """sluice-controlplane on ports that it may be started on again."""

    def __init__(self, directory, grpc_port=None, http_port=None, program=None, extra=()):
        self.grpc_port = grpc_port or free_port()
        self.http_port = http_port or free_port()
        self.address = "127.0.0.1:%d" % self.grpc_port
        super().__init__([
            program or runfile("controlplane/main/sluice-controlplane"), "--data-dir", directory,
            "--grpc-listen", self.address, "--http-listen", "127.0.0.1:%d" % self.http_port, *extra])
        self.wait_for_line("(HTTP)")


class _ShowingProcess(Process):
    """One with pages on `admin_port`."""

    def page(self, path):
        return fetch(self.admin_port, path)

    def metric(self, wanted):
        """As pages.metric() says."""
        return metric(self.page("/stats/prometheus"), wanted)


class FleetProxy(_ShowingProcess):
    """sluice-proxy that follows a control plane."""

    def __init__(self, grpc_port, state_dir, node, groups="", extra=(),
                 program=None):
        self.node = node
        super().__init__([
            program or runfile("proxy/main/sluice-proxy"), "--control-plane", "127.0.0.1:%d" % grpc_port,
            "--state-dir", state_dir, "--node", node, "--groups", groups, "--workers", "1",
            "--admin-listen", "127.0.0.1:0", *extra])

    @property
    def admin_port(self):
        return int(self.wait_for_line("admin pages on").rsplit(":", 1)[1])


def sluicectl(grpc_port, *arguments, stdin=None, status=0, program=None, environment=None):
    """What the command prints; fails if it does not exit with `status`."""
    done = subprocess.run(
        [program or runfile("tools/sluicectl/sluicectl"), "--server", "127.0.0.1:%d" % grpc_port, *arguments],
        input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
        env={**os.environ, **(environment or {})})
    if done.returncode != status:
        raise AssertionError("sluicectl %s: exit status %d, not %d:\n%s" % (
            " ".join(arguments), done.returncode, status, done.stdout))
    return done.stdout


class Proxy(_ShowingProcess):
    """sluice-proxy that serves `config`, in which {port} is the listener's; in `group`, a
    MemoryGroup, if one is given."""

    def __init__(self, config, workers=1, extra=(), environment=None, group=None):
        self.port = free_port()
        self.admin_port = free_port()
        self.directory = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.directory.name, "config.yaml")
        self._generation = 0
        self.write(config)
        command = [
            runfile("proxy/main/sluice-proxy"), "--config", self.path, "--workers", str(workers),
            "--admin-listen", "127.0.0.1:%d" % self.admin_port, *extra]
        super().__init__(group.command(*command) if group else command, environment)
        self.wait_for_line("serving generation 1")

    def write(self, config):
        text = config.replace("{port}", str(self.port))
        temporary = self.path + ".new"
        with open(temporary, "w") as f:
            f.write(text)
        os.rename(temporary, self.path)

    def reload(self, config):
        """Replaces the configuration; returns when the new one is served."""
        seen = sum("serving generation" in line for line in self.lines)
        self.write(config)
        self.wait_for_line("serving generation", seen + 1)

    def stop(self):
        super().stop()
        self.directory.cleanup()

    def terminate(self):
        self.signal(signal.SIGTERM)
