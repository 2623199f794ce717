"""The demo story, played twice on one folder: every step holds; what the first run left is found again."""

from __future__ import annotations

import json
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clilab import ROOT, Result, clean, spawn

STEPS = [
    "issue",
    "second-issue",
    "to-bank",
    "verify",
    "tampered",
    "to-importer",
    "surrender",
    "deliver",
    "verify-delivered",
]


def _play(folder: Path, *arguments: object, **environment: str) -> Result:
    result = spawn("demo", "bills", "--once", "--port", 0, "--data-dir", folder, *arguments, env=environment)
    assert "Traceback" not in result.err
    return result


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Result]:
    """A first run as JSON, and a second one as people see it."""
    folder = tmp_path_factory.mktemp("demo") / "data"
    first = _play(folder, "--json")
    assert first.code == 0, first.err
    return folder, first.json(), _play(folder)


def test_every_step_holds(twice: tuple[Path, Any, Result]) -> None:
    _, first, _ = twice
    assert [step["name"] for step in first["steps"]] == STEPS
    assert all(step["held"] for step in first["steps"])
    second = first["steps"][1]
    assert "RailBills_NoteTaken" in second["result"]
    # Nothing was written; the log's own anchor may have made a block meanwhile.
    assert second["gas"] is None
    assert first["steps"][0]["block"] <= second["block"] < first["steps"][2]["block"]
    mined = [step for step in first["steps"] if not step.get("verdict") and step is not second]
    assert all(step["block"] and step["gas"] for step in mined)
    blocks = [step["block"] for step in mined]
    assert blocks == sorted(blocks)
    assert len(set(blocks)) == len(blocks)


def test_what_the_bank_is_told(twice: tuple[Path, Any, Result]) -> None:
    _, first, _ = twice
    verdicts = {step["name"]: step["verdict"] for step in first["steps"] if step.get("verdict")}
    assert verdicts["verify"]["verdict"] == "pass"
    assert "document-intact" in verdicts["tampered"]["reasons"]
    live = next(c for c in verdicts["verify-delivered"]["checks"] if c["name"] == "live")
    assert live["en"] == "the bill is delivered, not live"


def test_the_second_run_finds_the_first(twice: tuple[Path, Any, Result]) -> None:
    _, first, second = twice
    assert second.code == 0
    assert f"as the last run left it: chain head {first['chain']['head_after']}, 1 bill(s)" in second.err
    assert first["bill"] in second.err
    assert "Every step held (9 of 9)" in second.out
    assert "bills 1 → 2" in second.out
    assert "Admitting" not in second.err
    for name in ("document-intact", "finality"):  # the table of checks
        assert name in second.out


def test_tokens_are_kept_private_and_never_printed(twice: tuple[Path, Any, Result]) -> None:
    folder, first, second = twice
    path = folder / "demo-tokens.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    tokens = [entry["token"] for entry in json.loads(path.read_text())["tokens"].values()]
    assert len(tokens) == 6
    for shown in (json.dumps(first), second.out, second.err):
        assert not re.search(r"lb_[0-9a-f]{16}_", shown)


def test_a_chain_that_lost_blocks_is_noticed(twice: tuple[Path, Any, Result]) -> None:
    folder, _, _ = twice
    path = folder / "demo-state.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"head": content["head"] + 1000}))
    result = _play(folder, LANDBRIDGE_LANG="zh")
    assert result.code == 1
    assert "与上次结束时不一致" in result.err


def test_not_in_production(tmp_path: Path) -> None:
    result = _play(tmp_path, "--json", LANDBRIDGE_ENVIRONMENT="production")
    assert (result.code, result.json()["error"]["code"]) == (2, "demo-in-production")


def test_it_serves_after_the_story(tmp_path: Path) -> None:
    arguments = ("demo", "bills", "--serve", "--port", "0", "--data-dir", str(tmp_path / "data"), "--json")
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=clean(),
        cwd=ROOT,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.decode())
        if line == b"}\n":
            break
    document = json.loads("".join(lines))
    assert document["held"] is True
    url = document["gateway"]["address"]
    name, _, value = (tmp_path / "data" / "demo-carrier-a.header").read_text().strip().partition(": ")
    answer = httpx.get(f"{url}/v1/bills/{document['bill']}", headers={name: value}, trust_env=False)
    assert answer.json()["state"] == "delivered"
    assert httpx.get(f"{url}/docs", trust_env=False).status_code == 200
    assert "landbridge_indexed_block" in httpx.get(f"{url}/metrics", trust_env=False).text
    process.send_signal(signal.SIGTERM)
    assert process.wait(90) == 0
    assert process.stdout.read() == b""
    process.stdout.close()
