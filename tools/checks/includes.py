"""Who may include whom, as the table of ARCHITECTURE.md says.

A file belongs to the row with the longest folder above it. It may include its own folder, the
folders that its row names, and what those may include in turn. A row "x/*" is every folder below x
on its own, none of which may include another. Libraries are not handed down. Tests are free of the
arrows, but not to mix the proxy with the control plane.
"""

from __future__ import annotations

import dataclasses
import posixpath
import re

from tree import Tree, is_test, numbered

TITLE = "Who may include whom"
_INCLUDE = re.compile(r'\s*#\s*include\s*[<"]([^>"]+)[>"]')
_TOP = ("api", "base", "controlplane", "proxy", "tools")
_LIBRARIES = {"google/protobuf/": "protobuf", "sluice/": "protobuf", "grpcpp/": "grpc",
              "grpc/": "grpc", "gnutls/": "gnutls", "re2/": "re2", "yaml-cpp/": "yaml-cpp", "nettle/": "nettle",
              "sqlite3.h": "sqlite", "nghttp2/": "nghttp2", "ares": "c-ares",
              "openssl/": "boringssl", "xxhash.h": "xxhash", "microhttpd.h": "libmicrohttpd",
              "brotli/": "brotli", "zlib.h": "zlib", "zstd.h": "zstd"}


@dataclasses.dataclass(frozen=True)
class Row:
    folder: str
    includes: tuple[str, ...]
    libraries: frozenset[str]


class Table:
    """The rows, and the questions that the check asks of them."""

    def __init__(self, rows: list[Row]):
        self._rows = {row.folder: row for row in rows}

    @classmethod
    def parse(cls, architecture: str) -> "Table":
        """From the table below the heading; ValueError if there is none."""
        _, found, rest = architecture.partition(f"## {TITLE}\n")
        if not found:
            raise ValueError(f'ARCHITECTURE.md has no section "{TITLE}"')
        rows = []
        for line in rest.splitlines():
            if line.startswith("## "):
                break
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            folders = re.findall(r"`([^`]+)`", cells[0])
            if line.startswith("|") and folders and len(cells) == 3:
                includes = tuple(re.findall(r"`([^`]+)`", cells[1]))
                libraries = frozenset(word for word in re.split(r"[,\s]+", cells[2]) if word)
                rows += [Row(folder, includes, libraries) for folder in folders]
        if not rows:
            raise ValueError(f'the section "{TITLE}" has no table of three columns')
        return cls(rows)

    def row_of(self, folder: str) -> Row | None:
        parts = folder.split("/")
        for length in range(len(parts), 0, -1):
            prefix = "/".join(parts[:length])
            if prefix in self._rows:
                return self._rows[prefix]
            star = "/".join(parts[:length - 1] + ["*"])
            if star in self._rows:
                return dataclasses.replace(self._rows[star], folder=prefix)
        return None

    def reach(self, row: Row) -> set[str]:
        """Folders that files of the row may include."""
        found, waiting = {row.folder}, list(row.includes)
        while waiting:
            folder = waiting.pop()
            if folder in found:
                continue
            found.add(folder)
            below = self.row_of(folder)
            waiting += below.includes if below else ()
        return found

    def are_siblings(self, one: Row, other: Row | None) -> bool:
        if other is None or one.folder == other.folder:
            return False
        star = posixpath.dirname(one.folder) + "/*"
        return star in self._rows and posixpath.dirname(other.folder) + "/*" == star and (
            one.folder not in self._rows and other.folder not in self._rows)


def _is_below(folder: str, top: str) -> bool:
    return folder == top or folder.startswith(top + "/")


def _library(include: str) -> str | None:
    for prefix, name in _LIBRARIES.items():
        if include.startswith(prefix):
            return name
    return None


def problem_of(table: Table, path: str, include: str) -> str | None:
    """What is wrong with this include, or None."""
    folder = posixpath.dirname(path)
    row = table.row_of(folder)
    if row is None:
        return f"{folder} has no row in the table of ARCHITECTURE.md"
    target = posixpath.dirname("api/" + include if include.startswith("sluice/") else include)
    sides = {folder.split("/")[0], target.split("/")[0]}
    if sides == {"proxy", "controlplane"}:
        return "the proxy and the control plane meet in api only"
    if is_test(path):
        return None
    library = _library(include)
    if library and library not in row.libraries:
        return f"{row.folder} may not use {library}"
    if target.split("/")[0] not in _TOP:
        return None
    other = table.row_of(target)
    if table.are_siblings(row, other):
        return f"{row.folder} and {other.folder} may not know each other"
    if not any(_is_below(target, allowed) for allowed in table.reach(row)):
        return f"{row.folder} may not include {target}"
    return None


def check(tree: Tree) -> list[str]:
    try:
        table = Table.parse(tree.read("ARCHITECTURE.md"))
    except ValueError as error:
        return [f"ARCHITECTURE.md: {error}"]
    problems = []
    for path in tree.files(".h", ".cc"):
        if path.split("/")[0] not in _TOP:
            continue
        for number, line in numbered(tree.read(path)):
            match = _INCLUDE.match(line)
            problem = problem_of(table, path, match.group(1)) if match else None
            if problem:
                problems.append(f'{path}:{number}: "{match.group(1)}": {problem}')
    return problems
