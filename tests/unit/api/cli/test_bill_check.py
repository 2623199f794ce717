"""``bill check``: offline, findings with JSON pointers, exit codes, one JSON document."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from api.domains.bills.document import sample
from tests.clilab import cli, spawn


@pytest.fixture
def bill(tmp_path: Path) -> Path:
    path = tmp_path / "bill.json"
    path.write_text(json.dumps(sample("chongqing-duisburg"), ensure_ascii=False))
    return path


def _altered(path: Path, **changes: Any) -> None:
    value = json.loads(path.read_text())
    path.write_text(json.dumps(value | changes))


@pytest.mark.parametrize("name", ["chongqing-duisburg", "astana-chengdu"])
def test_a_sound_bill(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bill.json"
    path.write_text(json.dumps(sample(name)))
    result = cli("bill", "check", path)
    assert result.code == 0
    assert "No error" in result.out
    assert result.err == ""
    assert cli("bill", "check", path, "--json").json()["sound"] is True


def test_findings_carry_their_json_pointer(bill: Path) -> None:
    value = json.loads(bill.read_text())
    value["consignment"]["goods"][0]["gross_mass_kg"] = "-5"
    del value["law"]
    bill.write_text(json.dumps(value))
    result = cli("bill", "check", bill, "--json")
    assert result.code == 1
    found = {(f["code"], f["path"]) for f in result.json()["findings"]}
    assert ("decimal-negative", "/consignment/goods/0/gross_mass_kg") in found
    assert ("field-missing", "/law") in found
    shown = cli("bill", "check", bill)
    assert shown.code == 1
    assert "/consignment/goods/0/gross_mass_kg" in shown.out
    assert "decimal-negative" in shown.out
    assert "错误" in cli("bill", "check", bill, "--lang", "zh").out


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "json-truncated"),
        (b'{"a": 1, "a": 2}', "json-duplicate-key"),
        (b"\xff\xfe{}", "json-not-utf8"),
        (b'{"a": NaN}', "json-number"),
        (b"[" * 100_000, "json-too-deep"),
        (b" " * 1_000_001, "json-too-large"),
        (b" " * 9_000_000, "json-too-large"),
        (b"[]", "document-not-object"),
    ],
)
def test_bad_input_is_a_finding(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "bill.json"
    path.write_bytes(content)
    result = cli("bill", "check", path, "--json")
    assert result.code == 1
    assert result.json()["findings"][0]["code"] == code


def test_a_missing_file(tmp_path: Path) -> None:
    result = cli("bill", "check", tmp_path / "none.json")
    assert result.code == 5
    assert result.out == ""
    assert "file-missing" in result.err
    assert cli("bill", "check", tmp_path).code == 5  # a folder


def test_what_is_unknown_is_shown_without_steering_the_terminal(bill: Path) -> None:
    _altered(bill, **{"\x1b[31mred": 1})
    assert "\x1b" not in cli("bill", "check", bill).out


def test_standard_input(bill: Path) -> None:
    result = spawn("bill", "check", "-", "--json", stdin=bill.read_bytes())
    assert (result.code, result.json()["sound"]) == (0, True)


def test_only_what_is_needed_is_imported(bill: Path) -> None:
    """Starting fast rests on this: no database, web framework, HTTP client or EVM for a look at a file."""
    code = (
        "import sys; from api.cli.main import main; main(sys.argv[1:]);"
        "print([m for m in ('sqlalchemy', 'sqlmodel', 'fastapi', 'uvicorn', 'httpx', 'eth', 'coincurve')"
        " if m in sys.modules], file=sys.stderr)"
    )
    import subprocess

    for arguments in (["bill", "check", str(bill)], ["--help"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, check=True, cwd=Path.cwd()
        )
        assert done.stderr.decode().strip() == "[]"


def test_starting_is_fast(bill: Path) -> None:
    """Processor time, for the machine may be busy: a second would be felt at every call."""
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    assert spawn("bill", "check", bill).code == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < 1.0, (used, time.perf_counter() - began)
