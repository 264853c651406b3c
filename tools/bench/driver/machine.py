"""The machine that measures: processors, processes, memory, versions."""

from __future__ import annotations

import os
import platform
import re
import socket
import subprocess
import time

PROXY_CPU = 0
OTHER_CPU = 1
CLOCK_TICK = os.sysconf("SC_CLK_TCK")


def on_cpu(cpu: int, command: list[str]) -> list[str]:
    return ["taskset", "-c", str(cpu), *command]


def cpu_model() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        match = re.search(r"model name\s*: (.*)", file.read())
    return match.group(1) if match else platform.processor()


def describe() -> str:
    with open("/etc/os-release", encoding="utf-8") as file:
        match = re.search(r'PRETTY_NAME="(.*)"', file.read())
    return (f"{os.cpu_count()} CPUs ({cpu_model()}), Linux {platform.release()}, "
            f"{match.group(1) if match else 'unknown distribution'}")


def family(root: int) -> list[int]:
    """`root` and every process that descends from it."""
    parents = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
    members = [root]
    for pid in members:
        members.extend(child for child, parent in parents.items() if parent == pid)
    return members


def memory_kib(root: int, field: str = "Rss") -> int:
    total = 0
    for pid in family(root):
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
                match = re.search(rf"^{field}:\s+(\d+) kB", file.read(), re.MULTILINE)
        except OSError:
            continue
        total += int(match.group(1)) if match else 0
    return total


def thread_cpu_ms(root: int) -> dict[str, float]:
    """CPU time of each thread of a process, by its name and its place in order of creation."""
    used: dict[str, float] = {}
    for place, task in enumerate(sorted(os.listdir(f"/proc/{root}/task"), key=int)):
        try:
            with open(f"/proc/{root}/task/{task}/comm", encoding="utf-8") as file:
                name = file.read().strip()
            with open(f"/proc/{root}/task/{task}/schedstat", encoding="utf-8") as file:
                used[f"{place} {name}"] = int(file.read().split()[0]) / 1e6
        except OSError:
            continue
    return used


def busy_seconds() -> float:
    """CPU time that all processes of the machine have used, stolen time included."""
    with open("/proc/stat", encoding="utf-8") as file:
        fields = [int(value) for value in file.readline().split()[1:]]
    idle = fields[3] + fields[4]
    guest = sum(fields[8:10])
    return (sum(fields) - idle - guest) / CLOCK_TICK


def wait_for_port(port: int, process: subprocess.Popen, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port} after {seconds} s")


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()
