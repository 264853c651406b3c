"""Files that have grown too long to be read. STYLE: stop and think at 400 lines, an error at 800."""

from __future__ import annotations

from tree import Tree

MOST_LINES = 800
_EXEMPT = "// LONG:"  # With the reason behind it, in the first lines of the file.


def problem_of(path: str, text: str) -> str | None:
    lines = text.count("\n")
    if lines <= MOST_LINES or _EXEMPT in text[:2000]:
        return None
    return f"{path}: {lines} lines, more than {MOST_LINES}: divide it, or say why not ({_EXEMPT} …)"


def check(tree: Tree) -> list[str]:
    found = (problem_of(path, tree.read(path)) for path in tree.files(".h", ".cc", ".proto"))
    return [problem for problem in found if problem]
