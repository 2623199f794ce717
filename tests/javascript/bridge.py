"""Runs the verifier of the page in node, beside the one in Python.

>>> [found] = judge([{"file": raw, "trust": trust}])  # doctest: +SKIP
>>> found["verdict"], found["checks"]["state"]        # doctest: +SKIP
('pass', 'pass')
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent


def find_node() -> str:
    """The node that runs JavaScript; the test is skipped where there is none, and fails in CI."""
    found = shutil.which("node")
    if found is None:
        sentence = "node is not installed: version 20 or later is needed (scripts/tools needs it too)"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    return found


def judge(cases: Sequence[dict[str, Any]], *, timeout: float = 800) -> list[dict[str, Any]]:
    """What the page's verifier says of each case.

    :param cases: each with ``file`` and perhaps ``trust`` (bytes), ``node`` (an address), ``holder``, ``now``
    :return: of each ``verdict``, ``refusal``, ``checks`` and ``reasons``
    """

    def encoded(case: dict[str, Any]) -> str:
        whole = {"trust": None, "node": None, "holder": None, "now": None} | case
        for name in ("file", "trust"):
            if whole[name] is not None:
                whole[name] = base64.b64encode(whole[name]).decode()
        return json.dumps(whole)

    lines = "".join(f"{encoded(case)}\n" for case in cases)
    ran = subprocess.run(
        [find_node(), str(FOLDER / "judge.js")], input=lines, capture_output=True, text=True, timeout=timeout
    )
    assert ran.returncode == 0, ran.stderr
    answers: list[dict[str, Any]] = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(answers) == len(cases)
    for answer in answers:
        assert answer["internal"] == [], answer["internal"]
    return answers
