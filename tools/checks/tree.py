"""The files of this checkout, as the checks see them."""

from __future__ import annotations

import pathlib
import re
import subprocess
from collections.abc import Iterable, Iterator

_TEST_FILE = re.compile(r"(_test|_fuzz|_benchmark)\.cc$|(^|/)testing/|^test/")


def is_test(path: str) -> bool:
    return _TEST_FILE.search(path) is not None


class Tree:
    """A checkout. Paths are relative to its root, with slashes."""

    def __init__(self, root: pathlib.Path):
        self.root = root

    def files(self, *suffixes: str) -> list[str]:
        """What git tracks or would track, with one of the suffixes."""
        listed = subprocess.run(
            ["git", "-C", str(self.root), "ls-files", "--cached", "--others", "--exclude-standard"],
            capture_output=True, text=True, check=True).stdout.splitlines()
        return sorted(path for path in set(listed)
                      if path.endswith(suffixes) and (self.root / path).is_file())

    def exists(self, path: str) -> bool:
        return (self.root / path).exists()

    def read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")


def numbered(text: str) -> Iterator[tuple[int, str]]:
    yield from enumerate(text.splitlines(), start=1)


def first_lines(problems: Iterable[str], most: int = 50) -> str:
    problems = list(problems)
    more = [f"... and {len(problems) - most} more"] if len(problems) > most else []
    return "\n".join(problems[:most] + more)
