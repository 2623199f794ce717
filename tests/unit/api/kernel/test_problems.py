"""Every code has its line, in both languages, and no line is without a code."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator

import pytest

import api
import chain
import vault
from api.kernel.house import INTENT_REFUSALS
from api.kernel.problems import TEXTS, language_of, problem
from api.registry import ROOMS
from chain.errors import LandbridgeError
from vault.errors import VaultError

# What the HTTP boundary says by itself, without an error class of its own.
_OF_THE_BOUNDARY = {
    "internal",
    "not-found",
    "method-not-allowed",
    "request-too-large",
    "request-malformed",
    "storage-full",
    "database",
}
# Errors of a contract that no act can meet: the constructor's (OpenZeppelin), and the sender's own gas.
_NOT_MET = {"InvalidShortString", "StringTooLong", "Intents_InsufficientGas"}


def _subclasses(of: type) -> Iterator[type]:
    for one in of.__subclasses__():
        yield one
        yield from _subclasses(one)


def _codes() -> dict[str, list[str]]:
    for package in (api, chain, vault):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)
    found: dict[str, list[str]] = {}
    for base in (LandbridgeError, VaultError):
        for one in (base, *_subclasses(base)):
            if one.__module__.split(".")[0] in ("api", "chain", "vault"):
                found.setdefault(one.code, []).append(f"{one.__module__}.{one.__qualname__}")  # type: ignore[attr-defined]
    return found


def _refusal_codes() -> set[str]:
    rooms = [refusal for room in ROOMS for refusal in room.refusals.values()]
    return {refusal.code for refusal in (*rooms, *INTENT_REFUSALS.values())}


def test_every_error_of_the_project_has_its_line():
    missing = {code: where for code, where in _codes().items() if code not in TEXTS}
    assert missing == {}


def test_every_refusal_of_a_contract_has_its_line():
    assert _refusal_codes() - TEXTS.keys() == set()


def test_every_error_of_every_contract_is_told_by_a_code_of_its_own():
    for room in ROOMS:
        errors = {item["name"] for item in room.artifact.abi if item["type"] == "error"}
        told = room.refusals.keys() | INTENT_REFUSALS.keys() | _NOT_MET
        if room.links:  # another contract's errors pass through only where it is asked; those have a line
            errors = {name for name in errors if not name.startswith("Parties_")}
            errors |= {"Parties_UnknownKey", "Parties_KeyRevokedSince"}
        assert errors - told == set(), room.name
        assert errors >= _NOT_MET


def test_no_line_is_without_a_use():
    assert TEXTS.keys() - _codes().keys() - _refusal_codes() - _OF_THE_BOUNDARY == set()


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_each_line_is_whole_in_both_languages(code):
    text = TEXTS[code]
    assert 400 <= text.status < 600
    for english in (text.en, text.next_en):
        assert english.strip() == english
        assert english
        assert english.isascii() or "…" in english
    for chinese in (text.zh, text.next_zh):
        assert chinese.strip() == chinese
        assert any("\u4e00" <= character <= "\u9fff" for character in chinese)
    in_chinese = problem(code, language="zh", detail="an English sentence")
    assert in_chinese["detail"] == in_chinese["title"] == text.zh
    assert problem(code, language="en", detail="an English sentence")["detail"] == "an English sentence"
    assert problem(code, language="en")["detail"] == text.en


def test_an_unknown_code_is_an_internal_error_and_tells_nothing():
    body = problem("some-new-code", language="en", detail="what it said", params={"where": "/a/path"})
    assert body == problem("internal", language="en")
    assert body["status"] == 500
    assert "some-new-code" not in json.dumps(body)


def test_nothing_is_sent_back_at_length_nor_with_control_characters():
    long, odd = "x" * 100_000, "a\x1b[2Jb\u202ec\n"
    body = problem("unknown-act", language="en", detail=long + odd, params={"act": long, odd: odd, "n": 5})
    assert len(json.dumps(body)) < 3_000
    assert body["params"]["n"] == 5
    assert body["params"]["a?[2Jb?c?"] == "a?[2Jb?c?"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en;q=0.4, zh-Hans;q=0.5", "zh"),
        ("en, zh;q=0.9", "en"),
        ("fr", "en"),
        ("fr, zh;q=0.1", "zh"),
        ("zh;q=0", "en"),
        ("zh;q=nan", "en"),
        ("zh;q=2", "en"),
        ("zh;q=x", "en"),
        ("ZH-tw", "zh"),
        ("," * 100_000 + "zh", "en"),
    ],
)
def test_the_language_asked_for(header, language):
    assert language_of(header) == language
