"""Runs the checks that need no compiler over this checkout: run.py [ROOT]."""

from __future__ import annotations

import pathlib
import sys

import includes
import layout
import paths
import protos
import sizes
from tree import Tree, first_lines

CHECKS = {"includes": includes.check, "layout": layout.check, "paths": paths.check,
          "protos": protos.check, "sizes": sizes.check}


def main(root: pathlib.Path) -> int:
    tree = Tree(root)
    failed = False
    for name, check in CHECKS.items():
        problems = check(tree)
        if problems:
            failed = True
            print(f"{name}:\n{first_lines(problems)}")
    return 1 if failed else 0


if __name__ == "__main__":
    HERE = pathlib.Path(__file__).resolve().parents[2]
    sys.exit(main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE))
