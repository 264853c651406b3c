"""Every path that the documentation names exists.

Rows of the include table do not count: they may come before their folder.
"""

from __future__ import annotations

import posixpath
import re

from tree import Tree, numbered

_DOCUMENTS = ("ARCHITECTURE.md", "CONTRIBUTING.md", "README.md")
_CODE = re.compile(r"`([^`\s]+)`")
_LINK = re.compile(r"\]\(([^)#\s]+)")
# A path of ours: in a folder of the checkout. What is built or generated does not count.
_FOLDERS = ("api", "base", "controlplane", "docs", "examples", "packaging", "proxy", "test",
            "third_party", "tools")


def _named(line: str):
    for text in _CODE.findall(line):
        if text.split("/")[0] in _FOLDERS and "/" in text and not re.search(r"[<>*{}$…]", text):
            yield text.split(":")[0].rstrip("/")
    for text in _LINK.findall(line):
        if "://" not in text:
            yield text.rstrip("/")


def check(tree: Tree) -> list[str]:
    problems = []
    documents = [path for path in tree.files(".md")
                 if path in _DOCUMENTS or path.startswith("docs/")]
    for document in documents:
        for number, line in numbered(tree.read(document)):
            if document == "ARCHITECTURE.md" and line.startswith("| `"):
                continue
            for path in _named(line):
                beside = posixpath.normpath(posixpath.join(posixpath.dirname(document), path))
                if not tree.exists(path) and not tree.exists(beside):
                    problems.append(f"{document}:{number}: {path} does not exist")
    return problems
