"""A proxy under test: how one is configured, started and stopped."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import time

from . import machine
from .site import Site


class Peer:
    """A proxy program. Subclasses say how it is configured, started and recognised."""

    name = ""

    def available(self) -> str | None:
        """None, or why it cannot take part."""
        raise NotImplementedError

    def version(self) -> str:
        raise NotImplementedError

    def files(self, site: Site, port: int, upstream: int, home: pathlib.Path) -> dict[str, str]:
        """Configuration files by name; the first is the one that is shown in the report."""
        raise NotImplementedError

    def command(self, home: pathlib.Path, port: int) -> list[str]:
        raise NotImplementedError

    def prepare(self, home: pathlib.Path):
        """Starts what the proxy needs beside it and returns that, with a stop(); or None. Its
        files lie in `home` already."""
        del home


def output_of(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


class Running:
    """A peer serving a site. Ends with stop(), which the bench calls whatever happens."""

    def __init__(self, peer: Peer, site: Site, port: int, upstream: int, home: pathlib.Path):
        self.peer = peer
        self.site = site
        self.port = port
        self.home = home
        home.mkdir(parents=True)
        for name, text in peer.files(site, port, upstream, home).items():
            (home / name).write_text(text, encoding="utf-8")
        self._output = open(home / "output.log", "wb")
        self._beside = peer.prepare(home)
        begin = time.monotonic()
        self.process = subprocess.Popen(
            machine.on_cpu(machine.PROXY_CPU, peer.command(home, port)),
            stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT)
        try:
            machine.wait_for_port(port, self.process, 180)
        except RuntimeError as error:
            self.stop()
            raise RuntimeError(f"{error}\n{self.output()[-2000:]}") from error
        self.load_seconds = time.monotonic() - begin

    @property
    def pid(self) -> int:
        return self.process.pid

    def output(self) -> str:
        return (self.home / "output.log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        members = machine.family(self.pid) if self.process.poll() is None else []
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # A master that was killed leaves its workers; these are ours by descent, not by name.
        for pid in members[1:]:
            try:
                subprocess.run(["kill", "-9", str(pid)], check=False, capture_output=True)
            except OSError:
                pass
        if self._beside:
            self._beside.stop()
        self._output.close()
