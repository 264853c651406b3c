"""Makes a manual page of a program's --help: man_page.py PROGRAM SECTION VERSION < HELP."""

from __future__ import annotations

import re
import sys

_FLAG = re.compile(r"^\s{1,8}(-[-\w].*?)(?:\s{2,}(.*)|)$")
_TITLE = re.compile(r"^([A-Za-z][\w ]*):$")


def escape(text: str) -> str:
    """Troff takes backslashes, hyphens and leading dots for commands of its own."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def page(program: str, section: str, version: str, text: str) -> str:
    first, _, rest = text.partition("\n")
    summary = first.partition(":")[2].strip().rstrip(".") or first.strip()
    lines = [f'.TH {program.upper()} {section} "" "sluice {version}" "Sluice"',
             ".SH NAME", f"{escape(program)} \\- {escape(summary[:1].lower() + summary[1:])}"]
    if not _TITLE.match(rest.strip().partition("\n")[0]):
        lines.append(".SH DESCRIPTION")
    verbatim = False

    def set_verbatim(wanted: bool) -> None:
        nonlocal verbatim
        if verbatim != wanted:
            lines.append(".nf" if wanted else ".fi")
            verbatim = wanted

    for line in rest.strip("\n").splitlines():
        flag, title = _FLAG.match(line), _TITLE.match(line)
        if title:
            set_verbatim(False)
            lines.append(f".SH {escape(title.group(1).upper())}")
        elif flag:
            set_verbatim(False)
            lines += [".TP", f"\\fB{escape(flag.group(1).strip())}\\fR",
                      escape(flag.group(2) or "\\ ")]
        elif line.strip():
            set_verbatim(True)
            lines.append(escape(line))
        else:
            set_verbatim(False)
            lines.append(".PP")
    set_verbatim(False)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(sys.argv[1], sys.argv[2], sys.argv[3], sys.stdin.read()))
