"""A command that is called wrongly says so in one line, ends with 2, and never shows a trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clilab import ROOT, clean, cli

WRONG = [
    ["--json"],
    ["nonsense"],
    ["bill", "nonsense"],
    ["bill", "check"],
    ["bill", "check", "--nonsense"],
    ["bill", "transfer", "0x" + "00" * 32],
    ["bill", "transfer", "0x" + "00" * 32, "--to", "zero"],
    ["bill", "transfer", "0x" + "00" * 32, "--to", "0"],
    ["bill", "transfer", "0x" + "00" * 32, "--to", "3", "--expiry", "48h"],
    ["bill", "transfer", "0x" + "00" * 32, "--to", "3", "--offer", "--expiry", "soon"],
    ["bill", "show", "12"],
    ["bill", "show", "0x" + "00" * 31],
    ["bill", "answer", "0x" + "00" * 32],
    ["bill", "answer", "0x" + "00" * 32, "--accept", "--refuse"],
    ["bill", "answer", "0x" + "00" * 32, "--refuse"],
    ["bill", "answer", "0x" + "00" * 32, "--accept", "--reason", "x"],
    ["bill", "void", "0x" + "00" * 32],
    ["bill", "check", "x", "--lang", "fr"],
    ["--lang", "fr", "bill", "check", "x"],
    ["intent", "prepare", "bills", "Transfer", "0x" + "00" * 32, "--field", "to"],
    ["party", "show", "0"],
    ["party", "show", "-1"],
    ["token", "revoke", "../x"],
    ["token", "create", "--operator", "--party", "3"],
    ["token", "create", "--data-dir", "x"],
    ["serve", "--log-level", "loud"],
    ["serve", "--port", "70000"],
    ["serve", "--confirmations", "0"],
    ["serve", "--environment", "elsewhere"],
    ["node", "status", "--rpc", "ftp://x"],
    ["bill", "list", "--gateway", "http://[bad"],
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_usage(arguments: list[str], lang: str) -> None:
    result = cli(*arguments, env={"LANDBRIDGE_LANG": lang})
    assert result.code == 2
    assert result.out == "" or "--json" in arguments
    assert result.err
    assert "Traceback" not in result.err


def test_usage_as_json() -> None:
    result = cli("bill", "check", "--json")
    assert result.code == 2
    assert result.json()["error"]["code"] == "usage"
    assert result.json()["error"]["exit"] == 2


def test_usage_in_chinese_names_what_is_missing() -> None:
    assert "缺少 FILE" in cli("bill", "check", "--lang", "zh").err
    assert "没有选项 --nonsense" in cli("bill", "check", "--lang", "zh", "--nonsense").err
    assert "没有命令 nonsense" in cli("--lang", "zh", "nonsense").err


@pytest.mark.parametrize("place", ["before", "after"])
def test_global_options_stand_before_or_after_the_command(place: str) -> None:
    own = ["node", "status", "--rpc", "ftp://x"]
    result = cli("--json", *own) if place == "before" else cli(*own, "--json")
    assert json.loads(result.out)["error"]["code"] == "node-address"


@pytest.mark.parametrize("arguments", [[], ["bill"], ["party", "role"]], ids=" ".join)
def test_nothing_asked_for_shows_help(arguments: list[str]) -> None:
    result = cli(*arguments)
    assert result.code == 2
    assert "Commands" in result.out + result.err


def test_version() -> None:
    assert cli("--version").out.startswith("landbridge ")
    assert set(cli("--json", "--version").json()) == {"landbridge"}


def test_help_ends_well_in_both_languages() -> None:
    assert "Check a bill's document" in cli("bill", "check", "--help").out
    assert "检查提单单证" in cli("bill", "check", "--help", "--lang", "zh").out


@pytest.mark.parametrize("as_json", [True, False])
def test_an_answer_that_cannot_be_written(tmp_path: Path, as_json: bool) -> None:
    """A full disk is told; a reader that has gone is nobody to tell. Neither shows a trace."""
    path = tmp_path / "bill.json"
    path.write_text("{" + " " * 10 + "}")
    arguments = [sys.executable, "-m", "api.cli.main", "bill", "check", str(path), *(["--json"] * as_json)]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, env=clean(), cwd=ROOT)
    assert done.returncode == 5
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(arguments, stdout=writing, stderr=subprocess.PIPE, env=clean(), cwd=ROOT)
    os.close(writing)
    assert (done.returncode, done.stderr) == (5, b"")
