"""The compiled contracts that ship are those of the sources, and hold nothing that they should not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "chain" / "artifacts"
NAMES = ("Parties", "RailBills")

SHARED = {
    "INTENT_GAS",
    "eip712Domain",
    "execute",
    "executeBatch",
    "executeJoint",
    "intentDigest",
}
#: Every door there is. A new one changes who can do what: it belongs into this list with its reason.
DOORS = {
    "Parties": SHARED
    | {
        "COURT_NOTICE",
        "administrator",
        "administratorSequence",
        "hadRoleAt",
        "keyOf",
        "mayIssueAs",
        "party",
        "partyCount",
        "partyOfProfile",
        "speaksFor",
        "tenures",
    },
    "RailBills": SHARED | {"bill", "billOfNote", "billWord", "parties"},
}


def artifact(name: str) -> dict[str, Any]:
    """One of the shipped files."""
    loaded: dict[str, Any] = json.loads((ARTIFACTS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def compile_script() -> ModuleType:
    """scripts/compile, as a module."""
    loader = SourceFileLoader("compile_script", str(ROOT / "scripts" / "compile"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def compiler() -> None:
    """The compiler is there; the test is skipped where it is not, and fails in CI."""
    if (ROOT / ".tools/node/node_modules/solc").is_dir():
        return
    sentence = "the Solidity compiler is not installed: run scripts/tools"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.mark.usefixtures("compiler")
def test_the_artifacts_are_what_the_contracts_compile_to() -> None:
    result = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "compile"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout == "artifacts: as compiled\n"


def test_every_difference_is_named(tmp_path: Path) -> None:
    changed = artifact("Parties")
    changed["abi"] = changed["abi"][1:]
    last = changed["deployedBytecode"][-1]
    changed["deployedBytecode"] = changed["deployedBytecode"][:-1] + ("0" if last != "0" else "1")
    (tmp_path / "Parties.json").write_text(json.dumps(changed), encoding="utf-8")
    (tmp_path / "Stranger.json").write_text("{}", encoding="utf-8")

    assert compile_script().differences({name: artifact(name) for name in NAMES}, tmp_path) == [
        "Parties.json: abi differs from what the contracts compile to",
        "Parties.json: deployedBytecode differs from what the contracts compile to",
        "RailBills.json: missing",
        "Stranger.json: no contract of this name is shipped",
    ]


def test_a_difference_ends_in_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = compile_script()
    monkeypatch.setattr(script, "artifacts", lambda: {name: artifact(name) for name in NAMES})
    monkeypatch.setattr(sys, "argv", ["compile", "--check", "--artifacts", str(tmp_path)])
    assert script.main() == 1
    assert capsys.readouterr().out == "Parties.json: missing\nRailBills.json: missing\n"

    monkeypatch.setattr(sys, "argv", ["compile", "--artifacts", str(tmp_path)])
    assert script.main() == 0
    assert {file.name for file in tmp_path.iterdir()} == {"Parties.json", "RailBills.json"}
    for name in NAMES:
        assert (tmp_path / f"{name}.json").read_bytes() == (ARTIFACTS / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shipped_was_compiled_as_it_was_tested(name: str) -> None:
    profile = tomllib.loads((ROOT / "foundry.toml").read_text(encoding="utf-8"))["profile"]["default"]
    (shipped,) = profile["additional_compiler_profiles"]
    compiler = artifact(name)["compiler"]
    assert compiler["version"] == "0.8.37+commit.f401782d"
    assert compiler["settings"]["evmVersion"] == profile["evm_version"] == "cancun"
    assert compiler["settings"]["optimizer"] == {"enabled": True, "runs": profile["optimizer_runs"]}
    assert compiler["settings"]["viaIR"] is shipped["via_ir"] is True


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_has_no_other_doors(name: str) -> None:
    doors = {entry["name"] for entry in artifact(name)["abi"] if entry["type"] == "function"}
    assert doors == DOORS[name]
    others = {entry["type"] for entry in artifact(name)["abi"]} - {
        "function",
        "event",
        "error",
        "constructor",
    }
    assert others == set(), "neither fallback nor receive: no money can be sent here"


@pytest.mark.parametrize("name", NAMES)
def test_only_the_three_ways_of_sending_acts_change_anything(name: str) -> None:
    writing = {
        entry["name"]
        for entry in artifact(name)["abi"]
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    assert writing == {"execute", "executeBatch", "executeJoint"}


@pytest.mark.parametrize("name", NAMES)
def test_the_code_fits_every_chain(name: str) -> None:
    code = bytes.fromhex(artifact(name)["deployedBytecode"].removeprefix("0x"))
    assert len(code) <= 24_576  # EIP-170
    assert len(artifact(name)["bytecode"]) // 2 - 1 <= 49_152  # EIP-3860


def test_a_bill_takes_one_slot() -> None:
    layout = artifact("RailBills")["storageLayout"]
    own = [entry for entry in layout["storage"] if entry["label"] in ("_words", "_billOfNote")]
    assert [entry["label"] for entry in own] == ["_words", "_billOfNote"]
    word = layout["types"][layout["types"][own[0]["type"]]["value"]]
    assert word["numberOfBytes"] == "32"
    assert "astId" not in json.dumps(layout)
