#!/usr/bin/env python3
"""Holds the coverage of the contracts to its floor.

    tests/contracts/check_coverage.py LCOV_FILE     exits 1 below 95 % of lines or of branches

Names every line and branch that no test reached, so that the gap can be judged.
"""

from __future__ import annotations

import sys
from pathlib import Path

FLOOR = 95.0


def main() -> int:
    """Reads the tracefile and judges it."""
    (file,) = sys.argv[1:]
    found = {"lines": 0, "branches": 0}
    hit = {"lines": 0, "branches": 0}
    missed = []
    source = ""
    for record in Path(file).read_text(encoding="utf-8").splitlines():
        key, _, value = record.partition(":")
        if key == "SF":
            source = value
        if not source.startswith("contracts/") or key not in ("DA", "BRDA"):
            continue
        kind = "lines" if key == "DA" else "branches"
        fields = value.split(",")
        reached = fields[-1] not in ("0", "-")
        found[kind] += 1
        hit[kind] += reached
        if not reached:
            missed.append(f"{source}:{fields[0]}: no test reaches this {'line' if key == 'DA' else 'branch'}")
    print("\n".join(missed))
    low = not all(found.values())
    for kind, total in found.items():
        share = 100 * hit[kind] / total if total else 0.0
        low = low or share < FLOOR
        print(f"coverage: {hit[kind]} of {total} {kind}, {share:.2f} % (floor {FLOOR:.0f} %)")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
