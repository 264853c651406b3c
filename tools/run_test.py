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


def commands_of(readme: str) -> list[tuple[str, int]]:
    """The commands under "## A tour", with the exit status that a reader is told to expect.

    They follow "$ " in code blocks; a trailing backslash or an open here-document goes on in the
    next line, with or without the shell's "> ". Status 1 where the text before the block says that
    something is refused.
    """
    _, _, tour = readme.partition("\n## A tour")
    tour = tour.partition("\n## ")[0]
    commands = []
    for prose, block in re.findall(r"(.*?)^```\w*\n(.*?)^```$", tour, re.DOTALL | re.MULTILINE):
        status = 1 if "refused" in prose else 0
        text, end = None, None
        for line in block.splitlines():
            if text is None:
                if not line.startswith("$ "):
                    continue  # What the command before prints.
                text = line[2:]
            else:
                text += "\n" + line.removeprefix("> ")
            heredoc = re.search(r"<<-?\s*'?(\w+)'?", line)
            if heredoc and end is None:
                end = heredoc.group(1)
            elif end is not None and line.removeprefix("> ") == end:
                end = None
            if end is None and not line.endswith("\\"):
                commands.append((text, status))
                text = None
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
        self.assertGreater(len(commands), 5)
        self.start()
        with tempfile.TemporaryDirectory() as folder:
            # `bin/sluicectl` and relative files, as in a checkout.
            (pathlib.Path(folder) / "bin").symlink_to(self.bin)
            (pathlib.Path(folder) / "examples").symlink_to(ROOT / "examples")
            for command, status in commands:
                if command.startswith("tools/"):
                    continue  # Runs already.
                done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True,
                                      text=True, timeout=60, check=False)
                self.assertEqual(done.returncode, status,
                                 f"{command}\n{done.stdout}{done.stderr}")
                time.sleep(0.1)


class CommandsTest(unittest.TestCase):

    def test_commands_are_what_a_reader_would_type(self):
        readme = ("# X\n\n```\n$ not-this\n```\n\n## A tour\n\n```\n$ one a \\\n>   b\n"
                  "output\n$ cat > f << END\nk: v\nEND\n$ two\n```\n\nThis is refused:\n\n"
                  "```console\n$ bad\n```\n\n## After\n\n```\n$ nor-this\n```\n")
        self.assertEqual(commands_of(readme), [("one a \\\n  b", 0), ("cat > f << END\nk: v\nEND", 0),
                                               ("two", 0), ("bad", 1)])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
