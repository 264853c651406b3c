"""Every field of the contract says what it does.

Fields of resources and plugins, which operators write, also say whether they are required or what
their default is, and in which schema they came. Elsewhere one comment may stand above several
fields, up to the next empty line; a member of a oneof may leave it to the oneof's comment.

Read from the text and not from descriptors, since the layout is part of the rule.
"""

from __future__ import annotations

import re

from tree import Tree, is_test

_FIELD = re.compile(
    r"^\s*(?:optional\s+|repeated\s+)?(map<[^>]+>|[\w.]+)\s+(\w+)\s*=\s*(\d+)\s*(\[.*)?;?")
_NOT_FIELDS = {"option", "syntax", "package", "import", "reserved", "extend"}
_SAYS_IT = re.compile(r"\b(Required|Default)\b")
_OPENS = re.compile(r"^\s*(message|enum|oneof|service|extend|rpc)\b[^{]*\{")

# The kinds that operators write, and the messages within them: proxies compare their schema.
_RESOURCES = re.compile(
    r"api/sluice/(plugins/v1/|v1/(balancing|certificate|consumer|consumer_group|global_rule|health|"
    r"listener|plugin_set|retry|route|service|split|stream_route|upstream)\.proto)")


def _statements(text: str):
    """Yields (line number, own comment, comment of the group, statement, blocks around it)."""
    comment, group, blocks, pending, start = [], [], [], "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        bare, _, trailing = line.partition("//")
        if not bare.strip() and not pending:
            comment = comment + [trailing] if "//" in line else []
            group = group if "//" in line else []
            continue
        start = start if pending else number
        pending = f"{pending} {bare.strip()}".strip()
        if not pending.endswith((";", "{", "}")) and "{}" not in pending:
            continue
        opened = _OPENS.match(pending)
        group = comment or group
        if not opened:
            yield start, " ".join(comment), " ".join(group), pending, tuple(blocks)
        if opened and not pending.endswith("}"):
            blocks.append((opened.group(1), " ".join(comment)))
        elif pending == "}" and blocks:
            blocks.pop()
            group = []
        comment, pending = [], ""


def problems_of(path: str, text: str) -> list[str]:
    is_resource = _RESOURCES.match(path) is not None
    problems = []
    for number, comment, group, statement, blocks in _statements(text):
        kind = blocks[-1][0] if blocks else ""
        match = _FIELD.match(statement)
        if kind not in ("message", "oneof") or not match or match.group(1) in _NOT_FIELDS:
            continue
        where = f"{path}:{number}: {match.group(2)}"
        said = (comment if is_resource else group) or (blocks[-1][1] if kind == "oneof" else "")
        if not said.strip():
            problems.append(f"{where}: has no comment")
        elif is_resource and not _SAYS_IT.search(said + blocks[-1][1]):
            problems.append(f'{where}: its comment says neither "Required" nor "Default: …"')
        if is_resource and "since:" not in statement:
            problems.append(f"{where}: lacks [(field) = {{since: …}}]")
    return problems


def check(tree: Tree) -> list[str]:
    return [problem for path in tree.files(".proto") if not is_test(path)
            for problem in problems_of(path, tree.read(path))]
