"""Writes what was found into docs/performance.md, between the markers of each workload."""

from __future__ import annotations

import json
import pathlib
import re

from .workloads import Section


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |",
             "|---|" + "---:|" * (len(header) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def section_text(section: Section, how: str) -> str:
    parts = [f"### {section.title}", section.text, how]
    for caption, header, rows in section.tables:
        parts += [f"**{caption}**", table(header, rows)]
    parts += [f"![{plot['title']}](performance/{name}.svg)"
              for name, plot in section.plots.items()]
    for label, text in section.configurations.items():
        if text:
            parts.append(f"<details><summary>Configuration: {label}</summary>\n\n```\n{text}\n```\n\n"
                         "</details>")
    return "\n\n".join(parts)


def replace_between_markers(document: str, name: str, text: str) -> str:
    """The document with `text` between the markers of `name`, which are added if missing."""
    begin, end = f"<!-- bench {name} begin -->", f"<!-- bench {name} end -->"
    block = f"{begin}\n\n{text}\n\n{end}"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if pattern.search(document):
        return pattern.sub(lambda _: block, document)
    return document.rstrip("\n") + "\n\n" + block + "\n"


def write(root: pathlib.Path, name: str, section: Section, how: str) -> None:
    folder = root / "docs" / "performance"
    folder.mkdir(parents=True, exist_ok=True)
    document = root / "docs" / "performance.md"
    old = document.read_text(encoding="utf-8") if document.exists() else "# Performance\n"
    document.write_text(replace_between_markers(old, name, section_text(section, how)),
                        encoding="utf-8")
    raw = json.dumps(section.raw, default=str)
    (folder / f"{name}.json").write_text(raw + "\n", encoding="utf-8")
