"""What the shells complete, asked of the shells."""

import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time
import unittest

from desk import run_program


def script_of(shell):
    return run_program(["completion", shell]).out


class ZshTerminal:
    """An interactive zsh that shows what stands on its line when Tab has been pressed."""

    SETUP = """
PS1= RPS1= PS2=
autoload -Uz compinit && compinit -u -D
source %s
show-line() { print -r -- "<line:$BUFFER>"; BUFFER=; zle accept-line }
zle -N show-line
bindkey '^I' complete-word
bindkey '^T' show-line
print -r -- '<is'ready'>'
"""

    def __init__(self, script):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb"})
        self.pid = pid
        self.text = ""
        self.write("source %s\n" % script)
        self.read_until("<isready>")

    def write(self, text):
        os.write(self.fd, text.encode())

    def read_until(self, pattern):
        deadline = time.monotonic() + 60
        while True:
            found = re.search(pattern, self.text)
            if found:
                self.text = self.text[found.end():]
                return found
            if not select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError("zsh shows no %s in %r" % (pattern, self.text))
            self.text += os.read(self.fd, 65536).decode("utf-8", "replace")

    def complete(self, line):
        self.write(line + "\t\x14")
        return self.read_until("<line:([^>]*)>").group(1)

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


class CompletionTest(unittest.TestCase):
    def bash(self, *words):
        script = script_of("bash") + """
            COMP_WORDS=(sluicectl "$@"); COMP_CWORD=$#
            _sluicectl; printf '%s\\n' "${COMPREPLY[@]}" """
        done = subprocess.run(["bash", "-c", script, "bash", *words], text=True,
                              capture_output=True, check=True)
        return done.stdout.split()

    def test_bash_completes_commands_flags_and_kinds(self):
        self.assertEqual(self.bash("hi"), ["history"])
        self.assertEqual(self.bash("apply", "--dr"), ["--dry-run"])
        self.assertEqual(self.bash("get", "ro"), ["routes"])
        self.assertEqual(self.bash("--server", "x:1", "delete", "list"), ["listeners"])
        self.assertEqual(self.bash("get", "routes", "-o", "y"), ["yaml"])
        self.assertEqual(self.bash("rollback", "1", "up"), ["upstreams"])

    def fish(self, line):
        with tempfile.TemporaryDirectory() as home:
            done = subprocess.run(
                ["fish", "--no-config", "-c", script_of("fish") + "\ncomplete -C '%s'" % line],
                text=True, capture_output=True, check=True, env={**os.environ, "HOME": home})
        self.assertEqual(done.stderr, "")
        return [found.split("\t")[0] for found in done.stdout.splitlines()]

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish_completes_commands_flags_and_kinds(self):
        self.assertEqual(self.fish("sluicectl hi"), ["history"])
        self.assertEqual(self.fish("sluicectl apply --dr"), ["--dry-run"])
        self.assertIn("routes", self.fish("sluicectl get ro"))
        self.assertIn("listeners", self.fish("sluicectl --server x:1 delete list"))
        self.assertEqual(self.fish("sluicectl get routes -o y"), ["yaml"])
        self.assertIn("upstreams", self.fish("sluicectl rollback 1 up"))

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh_completes_commands_flags_and_kinds(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("setup", "completion")]
            with open(paths[0], "w") as file:
                file.write(ZshTerminal.SETUP % paths[1])
            with open(paths[1], "w") as file:
                file.write(script_of("zsh"))
            terminal = ZshTerminal(paths[0])
            self.addCleanup(terminal.close)
            for typed, completed in (
                    ("hi", "history"), ("apply --dr", "apply --dry-run"), ("get ro", "get routes"),
                    ("--server x:1 delete list", "--server x:1 delete listeners"),
                    ("get routes -o y", "get routes -o yaml"),
                    ("rollback 1 up", "rollback 1 upstreams")):
                self.assertEqual(terminal.complete("sluicectl " + typed).rstrip(),
                                 "sluicectl " + completed)

    def test_every_shell_has_every_command_and_flag(self):
        for shell in ("bash", "zsh", "fish"):
            script = script_of(shell)
            for word in ("rollback", "explain", "dry-run", "client-ip", "consumer_groups"):
                self.assertIn(word, script, shell)


if __name__ == "__main__":
    unittest.main()
