"""Sluice's control plane, for the workloads that need one."""

from __future__ import annotations

import pathlib
import subprocess

from . import machine


class ControlPlane:
    """A running one with an empty store. Ends with stop()."""

    def __init__(self, binary: pathlib.Path, home: pathlib.Path, prefix: list[str] | None = None):
        home.mkdir(parents=True, exist_ok=True)
        self.grpc_port, self.http_port = machine.free_ports(2)
        self._output = open(home / "controlplane.log", "wb")
        self.process = subprocess.Popen(
            [*(prefix or []), str(binary), "--data-dir", str(home / "controlplane"),
             "--grpc-listen", f"127.0.0.1:{self.grpc_port}",
             "--http-listen", f"127.0.0.1:{self.http_port}"],
            stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT)
        try:
            machine.wait_for_port(self.grpc_port, self.process, 20)
            machine.wait_for_port(self.http_port, self.process, 20)
        except RuntimeError:
            self.stop()
            raise

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._output.close()
