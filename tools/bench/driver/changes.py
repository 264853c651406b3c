"""One route changed under load, by the means that each proxy has for it."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

from . import envoy_config, machine
from .peer import Running


class Changer:
    """Changes one route of a running proxy, over and over. `means` is for the report."""

    means = ""
    per_second = 10.0

    def __init__(self, running: Running):
        self.running = running
        self.done = 0
        self.thread_ms: dict[str, float] = {}  # CPU time of the proxy's threads while it changed.

    def change(self, number: int) -> None:
        raise NotImplementedError

    def until_ended(self, process: subprocess.Popen) -> None:
        """Makes changes at the rate until the process has ended."""
        before = machine.thread_cpu_ms(self.running.pid)
        thread = threading.Thread(target=self._loop, args=(process,))
        thread.start()
        thread.join()
        for name, used in machine.thread_cpu_ms(self.running.pid).items():
            self.thread_ms[name] = self.thread_ms.get(name, 0) + used - before.get(name, 0)

    def _loop(self, process: subprocess.Popen) -> None:
        # Of this thread, and of what it starts: neither the proxy nor who measures it has to wait
        # for whoever changes, who in life is another machine.
        thread = threading.get_native_id()
        os.sched_setaffinity(thread, {machine.OTHER_CPU})
        os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
        begin = time.monotonic()
        number = 0
        while process.poll() is None:
            self.change(number)
            number += 1
            self.done += 1
            wait = begin + number / self.per_second - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            else:
                begin = time.monotonic() - number / self.per_second


class NginxReload(Changer):
    means = "reload of all"
    per_second = 1.0

    def __init__(self, running: Running):
        super().__init__(running)
        self._file = running.home / "nginx.conf"
        text = self._file.read_text(encoding="utf-8")
        # A route that no request of the load asks for.
        extra = "    location = /extra { proxy_pass http://hairpin; }\n    location"
        self._texts = [text, text.replace("    location", extra, 1)]

    def change(self, number):
        self._file.write_text(self._texts[number % 2], encoding="utf-8")
        os.kill(self.running.pid, signal.SIGHUP)


class HaproxyRuntime(Changer):
    means = "an entry of a map, runtime API"

    def change(self, number):
        key = self.running.site.routes[number % len(self.running.site.routes)]
        command = (f"set map {self.running.home}/prefix.map "
                   f"{key.path.partition('{')[0]} hairpin\n")
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.running.home / "admin.sock"))
            admin.sendall(command.encode())
            admin.recv(4096)


class EnvoyFile(Changer):
    means = "route file replaced"
    per_second = 1.0

    def __init__(self, running: Running):
        super().__init__(running)
        self._texts = []
        for version in (0, 1):
            document = envoy_config.route_file(running.site, True, version)
            # One action of the tree becomes another.
            tree = document["resources"][0]["virtual_hosts"][0]["matcher"]["matcher_tree"]
            first = next(iter(tree["prefix_match_map"]["map"]))
            action = json.loads(json.dumps(tree["prefix_match_map"]["map"][first]))
            action["action"]["typed_config"]["route"]["timeout"] = f"{15 + version}s"
            tree["prefix_match_map"]["map"][first] = action
            self._texts.append(json.dumps(document))

    def change(self, number):
        new = pathlib.Path(self.running.home / "routes.new")
        new.write_text(self._texts[number % 2], encoding="utf-8")
        new.rename(self.running.home / "routes.json")


class SluiceApply(Changer):
    means = "sluicectl apply"

    def change(self, number):
        routes = self.running.site.routes
        index = number % len(routes)
        path = routes[index].path
        file = self.running.home / "change.yaml"
        # Another timeout each time round, so that no change is an empty one.
        file.write_text(f'kind: Route\nname: r{index}\npaths: ["{path}"]\nupstream: hairpin\n'
                        f"timeout: {16 + number // len(routes)}s\n", encoding="utf-8")
        done = subprocess.run(self.running.peer.apply_command(file), capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)


def changer_of(running: Running) -> Changer:
    return {"nginx": NginxReload, "haproxy": HaproxyRuntime, "sluice": SluiceApply,
            "envoy-tree": EnvoyFile}[running.peer.name](running)
