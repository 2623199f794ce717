#!/usr/bin/env python3
"""Holds the Solidity tests to their specifications: every branch of a .tree has its test, and no other.

A tree names an act and, below it, conditions ("when …", "given …") with what then happens ("it should …").
The condition nearest to the outcome names the test: ``test_Act_RevertWhen_TheCondition`` where the outcome
is "it should revert", else ``test_Act_WhenTheCondition``.

    tests/contracts/check_trees.py        prints what is missing; exits 1 if anything is
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "concrete"
FUNCTION = re.compile(r"function (test_\w+)\(")
BRANCH = re.compile(r"^([│ ]*)[├└]── (.*)$")


def expected(tree: str) -> set[str]:
    """The names of the tests that a tree asks for."""
    names: set[str] = set()
    act = condition = ""
    for line in tree.splitlines():
        if not line.strip():
            continue
        branch = BRANCH.match(line)
        if branch is None:
            act = line.strip()
            continue
        words = branch.group(2).strip().split()
        if words[0] in ("when", "given"):
            condition = "".join(word[0].upper() + word[1:] for word in words)
        elif words[0] == "it":
            keyword = "When" if condition.startswith("When") else "Given"
            rest = condition.removeprefix(keyword)
            reverts = words == ["it", "should", "revert"]
            names.add(f"test_{act}_Revert{keyword}_{rest}" if reverts else f"test_{act}_{condition}")
        else:
            raise SystemExit(f"not a branch: {line}")
    return names


def main() -> int:
    """Compares every tree with the test file beside it."""
    problems = []
    count = 0
    for file in sorted(FOLDER.rglob("*.t.sol")):
        tree = file.with_name(file.name.removesuffix(".t.sol") + ".tree")
        if not tree.exists():
            problems.append(f"{file.relative_to(FOLDER)}: no specification beside it")
            continue
        wanted = expected(tree.read_text(encoding="utf-8"))
        found = set(FUNCTION.findall(file.read_text(encoding="utf-8")))
        count += len(wanted)
        problems += [f"{tree.relative_to(FOLDER)}: no test {name}" for name in sorted(wanted - found)]
        problems += [
            f"{file.relative_to(FOLDER)}: not in the tree: {name}" for name in sorted(found - wanted)
        ]
    print("\n".join(problems) if problems else f"trees: {count} branches, each with its test")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
