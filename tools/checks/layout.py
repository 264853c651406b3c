"""C++ files that are not laid out as clang-format would."""

from __future__ import annotations

import re
import subprocess

from tree import Tree

_PROGRAM = "clang-format-14"
_WARNING = re.compile(r"^(.+?):\d+:\d+: error: code should be clang-formatted")


def differing(stderr: str) -> list[str]:
    """The files that clang-format's dry run names."""
    found = (_WARNING.match(line) for line in stderr.splitlines())
    return sorted({match.group(1) for match in found if match})


def check(tree: Tree) -> list[str]:
    files = tree.files(".h", ".cc")
    if not files:
        return []
    ran = subprocess.run([_PROGRAM, "--dry-run", "--Werror", "--ferror-limit=1", *files],
                         cwd=tree.root, capture_output=True, text=True, check=False)
    found = [f"{path}: not laid out by clang-format: tools/lint --fix"
             for path in differing(ran.stderr)]
    # It failed for another reason than what it found.
    return found if found or ran.returncode == 0 else [ran.stderr.strip()]
