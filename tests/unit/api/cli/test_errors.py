"""Errors become the documented exit codes, whatever part they come from."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from api.cli.errors import CliError, ExitCode, RefusedError, failure_of
from api.settings import SettingsError
from chain.canonical import JsonSyntaxError
from chain.deploy import DeployError
from chain.identity import ChainChangedError
from chain.intents import IntentError
from chain.node import (
    NodeBusyError,
    NodeDownError,
    NodeHungError,
    NodeRefusedError,
    NodeStorageError,
    WrongChainError,
)
from chain.signers import KeystoreError
from vault.keys import LockedKeyError


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (CliError("bill-id", ExitCode.USAGE, value="x"), "bill-id", 2),
        (RefusedError({"code": "note-taken", "status": 409, "detail": "d"}), "note-taken", 3),
        (RefusedError({"code": "node-down", "status": 503, "detail": "d"}), "node-down", 4),
        (NodeDownError("d"), "node-down", 4),
        (NodeHungError("d"), "node-hung", 4),
        (NodeBusyError("d"), "node-busy", 5),
        (NodeStorageError("d"), "node-storage", 5),
        (NodeRefusedError("d"), "node-refused", 3),
        (WrongChainError(expected=1, found=2), "node-wrong-chain", 3),
        (ChainChangedError("d"), "chain-changed", 3),
        (DeployError("d"), "deploy", 5),
        (KeystoreError("d"), "keystore", 5),
        (LockedKeyError("d"), "reader-key-locked", 5),
        (IntentError("d"), "intent-malformed", 5),
        (JsonSyntaxError("d"), "json-syntax", 5),
        (SettingsError("d"), "settings", 2),
        (OperationalError("s", {}, Exception("database is locked")), "database", 5),
        (PermissionError(13, "Permission denied", "a.json"), "file", 5),
        (KeyboardInterrupt(), "interrupted", 130),
        (ZeroDivisionError("secret"), "defect", 70),
    ],
)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_exit_code(error: BaseException, code: str, exit_code: int, lang: str) -> None:
    failure = failure_of(error, lang)
    assert (failure.code, int(failure.exit_code)) == (code, exit_code)
    assert failure.sentence
    document = failure.document()["error"]
    assert document["code"] == code
    assert document["exit"] == exit_code


def test_a_defect_does_not_tell_what_it_met() -> None:
    assert "secret" not in failure_of(ValueError("secret"), "en").sentence


def test_a_refusal_keeps_what_the_gateway_said() -> None:
    problem = {
        "code": "document-refused",
        "status": 422,
        "detail": "the document has errors",
        "next": "mend it",
        "params": {"errors": 1},
        "findings": [
            {"code": "bearer-refused", "severity": "error", "path": "/holder", "en": "e", "zh": "z"}
        ],
    }
    document = failure_of(RefusedError(problem), "en").document()["error"]
    assert document["next"] == "mend it"
    assert document["findings"] == problem["findings"]
    assert document["status"] == 422
