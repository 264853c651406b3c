"""tools/run, as someone who tries Sluice for the first time meets it: then the README's tour."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

# The checkout itself: tools/run is a link into it.
ROOT = pathlib.Path(__file__).resolve().parents[1]


def get(url: str, seconds: float = 5) -> str:
    with urllib.request.urlopen(url, timeout=seconds) as response:
        return response.read().decode()


def commands_of(readme: str) -> list[str]:
    """What follows "$ " in the README's code blocks under "## A tour"; a trailing backslash or an
    open here-document goes on in the next line."""
    _, _, tour = readme.partition("\n## A tour")
    tour = tour.partition("\n## ")[0]
    commands = []
    for block in re.findall(r"```(?:console|sh)\n(.*?)```", tour, re.DOTALL):
        end = None
        for line in block.splitlines():
            if end is not None:
                commands[-1] += "\n" + line.removeprefix("> ")
                end = None if line.removeprefix("> ") == end else end
            elif commands and commands[-1].endswith("\\"):
                commands[-1] += "\n" + line.removeprefix("> ")
            elif line.startswith("$ "):
                commands.append(line[2:])
            heredoc = re.search(r"<<-?\s*'?(\w+)'?", line)
            if heredoc and end is None and not line.startswith("> "):
                end = heredoc.group(1)
    return commands


class RunTest(unittest.TestCase):

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.bin = pathlib.Path(self.scratch.name) / "bin"
        self.bin.mkdir()
        for program in sys.argv[1:]:
            path = pathlib.Path(program).resolve()
            (self.bin / path.name).symlink_to(path)

    def start(self) -> subprocess.Popen:
        run = subprocess.Popen(
            [str(ROOT / "tools/run"), "--data", self.scratch.name + "/data"],
            env={**os.environ, "SLUICE_BIN": str(self.bin)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.addCleanup(self.end, run)
        self.said = ""
        for line in run.stdout:
            self.said += line
            if "Ctrl-C ends everything" in line:
                return run
        self.fail("tools/run ended:\n" + self.said)

    def end(self, run: subprocess.Popen) -> None:
        """As Ctrl-C does it: the signal goes to everything in the foreground."""
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGINT)
            try:
                run.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()
        run.stdout.close()

    def pid_of(self, what: str) -> int:
        return int(re.search(rf"{what}.*pid (\d+)", self.said).group(1))

    def test_two_proxies_serve_outlive_the_control_plane_and_end_with_ctrl_c(self):
        run = self.start()
        for port in (8080, 8081):
            self.assertIn("upstream demo", get(f"http://127.0.0.1:{port}/hello"))
        os.kill(self.pid_of("control plane"), signal.SIGKILL)
        self.assertIn("has ended; the rest goes on", run.stdout.readline())
        self.assertIn("upstream demo", get("http://127.0.0.1:8080/hello"))
        pids = [self.pid_of(what) for what in ("proxy edge-a", "proxy edge-b", "demo upstream")]
        self.end(run)
        for pid in pids:
            self.assertFalse(pathlib.Path(f"/proc/{pid}").exists(), f"{pid} is still there")

    def test_every_command_of_the_tour_works_as_written(self):
        commands = commands_of((ROOT / "README.md").read_text(encoding="utf-8"))
        self.start()
        with tempfile.TemporaryDirectory() as folder:
            # `bin/sluicectl` and relative files, as in a checkout.
            (pathlib.Path(folder) / "bin").symlink_to(self.bin)
            (pathlib.Path(folder) / "examples").symlink_to(ROOT / "examples")
            for command in commands:
                if command.startswith("tools/"):
                    continue  # Runs already.
                done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True,
                                      text=True, timeout=60, check=False)
                self.assertEqual(done.returncode, 0,
                                 f"{command}\n{done.stdout}{done.stderr}")
                time.sleep(0.1)


class CommandsTest(unittest.TestCase):

    def test_commands_are_what_a_reader_would_type(self):
        readme = ("# X\n\n```console\n$ not-this\n```\n\n## A tour\n\n```console\n$ one a \\\n>   b\n"
                  "output\n$ cat > f << END\n> k: v\n> END\n$ two\n```\n\n## After\n\n"
                  "```console\n$ nor-this\n```\n")
        self.assertEqual(commands_of(readme),
                         ["one a \\\n  b", "cat > f << END\nk: v\nEND", "two"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
