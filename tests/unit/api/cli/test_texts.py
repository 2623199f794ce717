"""Every text exists in both languages, is used, and shows the same facts; the whole tree has its help."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path
from typing import get_args

import pytest

from api.cli.errors import CliError, ExitCode, failure_of
from api.cli.helps import COMMANDS, OPTIONS, option_key, walk
from api.cli.main import build
from api.cli.texts import LANGUAGES, TEXTS, language_of, plain, text
from api.domains.bills.rules import BillState
from api.kernel.approval.rules import Decision, Kind
from api.kernel.approval.schemas import ApprovalStatus
from api.kernel.audit import FINDINGS
from api.kernel.checks import Result, Scope
from api.kernel.schemas import IntentState
from api.kernel.scrub.phases import PHASES
from api.kernel.webhooks.outcome import OUTCOMES
from api.kernel.webhooks.schemas import WebhookOut
from api.kernel.webhooks.tables import DeliveryStatus
from tests.clilab import ROOT

SOURCES = sorted((ROOT / "api" / "cli").glob("*.py"))
_FAMILIES = ("audit.", "came.", "error.", "step.")
"""Keys of these families are put together at run time."""
_WORDS = {
    "finding.": set(FINDINGS),
    "result.": {result.value for result in Result},
    "scope.": {scope.value for scope in Scope},
    "scrubbed.": {*PHASES, "bytes"},
    "state.": {state.name.lower() for state in BillState if state},
    "status.": set(get_args(IntentState)),
    "approval.": set(get_args(ApprovalStatus)),
    "decision.": {decision.value for decision in Decision},
    "kind.": {Kind.RULE.value, Kind.TOKEN.value},
    "delivery.": {status.value for status in DeliveryStatus},
    "outcome.": set(OUTCOMES),
    "webhook.": set(get_args(WebhookOut.model_fields["status"].annotation)),
}
"""Words that the gateway says, each of which has its text."""


def _strings(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


USED = set().union(*(_strings(path) for path in SOURCES if not path.name.startswith(("texts", "helps"))))


def _shown(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("key", TEXTS)
def test_each_text_is_whole(key: str) -> None:
    english, chinese = TEXTS[key]
    assert english
    assert chinese
    assert english.isascii() or set(english) - set(string.printable) <= set("…→—’")
    assert _shown(english) >= _shown(chinese)
    if not key.startswith(("step-gas", "gas", "demo-try")):
        has_letters = re.search(r"[A-Za-z]", re.sub(r"\{\w+\}", "", english))
        assert not has_letters or re.search(r"[\u4e00-\u9fff]", chinese)


@pytest.mark.parametrize("family", _WORDS)
def test_each_word_of_the_gateway_has_its_text(family: str) -> None:
    assert {key.removeprefix(family) for key in TEXTS if key.startswith(family)} == _WORDS[family]


@pytest.mark.parametrize("key", [key for key in TEXTS if not key.startswith(tuple(_WORDS))])
def test_each_text_is_used(key: str) -> None:
    family = next((family for family in _FAMILIES if key.startswith(family)), "")
    assert key.removeprefix(family) in USED or key in USED


def test_each_key_used_has_its_text() -> None:
    calls = re.compile(r"""(?:run\.text|run\.say|told|text\(\s*(?:self\._)?lang,|_say)\(?\s*"([a-z.-]+)\"""")
    missing = {
        (path.name, key)
        for path in SOURCES
        for key in calls.findall(path.read_text())
        if key not in TEXTS and f"came.{key}" not in TEXTS
    }
    assert not missing


def test_each_error_has_its_sentence() -> None:
    found = {
        (path.name, code)
        for path in SOURCES
        for code in re.findall(r'CliError\(\s*"([a-z-]+)"', path.read_text())
    }
    assert len(found) > 30
    assert {one for one in found if f"error.{one[1]}" not in TEXTS} == set()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_whole_tree_has_its_help(lang: str) -> None:
    seen_commands, seen_options = set(), set()
    for path, command in walk(build(lang)):
        seen_commands.add(path)
        assert command.help == COMMANDS[path][lang == "zh"]
        for parameter in command.params:
            key = option_key(path, parameter.name)
            seen_options.add(key)
            assert parameter.help == OPTIONS[key][lang == "zh"]
    assert seen_commands == set(COMMANDS)
    assert set(OPTIONS) - seen_options == {"help"}


def test_every_command_takes_the_global_options() -> None:
    for path, command in walk(build("en")):
        if getattr(command, "commands", None) is None:
            options = {opt for parameter in command.params for opt in parameter.opts}
            assert {"--json", "--lang", "--gateway", "--token-file"} <= options, path


@pytest.mark.parametrize(
    ("given", "environment", "arguments", "wanted"),
    [
        (None, {}, [], "en"),
        (None, {"LANG": "zh_CN.UTF-8"}, [], "zh"),
        (None, {"LANG": "C.UTF-8"}, [], "en"),
        (None, {"LANG": "zh_CN.UTF-8", "LC_ALL": "de_DE"}, [], "en"),
        (None, {"LANG": "en_US", "LANDBRIDGE_LANG": "zh"}, [], "zh"),
        ("en", {"LANDBRIDGE_LANG": "zh"}, [], "en"),
        (None, {}, ["bill", "--lang", "zh", "--help"], "zh"),
        (None, {}, ["--lang=zh"], "zh"),
        (None, {}, ["--lang"], "en"),
    ],
)
def test_language(given: str | None, environment: dict[str, str], arguments: list[str], wanted: str) -> None:
    assert language_of(given, environment, arguments) == wanted


def test_what_steers_a_terminal_is_made_visible() -> None:
    assert plain("a\x1b[31m\n中") == "a\\u001b[31m\\u000a中"


def test_a_failure_says_the_same_in_both_languages() -> None:
    error = CliError("port-taken", ExitCode.LOCAL, host="127.0.0.1", port=8600)
    english, chinese = failure_of(error, "en"), failure_of(error, "zh")
    assert (english.code, english.exit_code) == (chinese.code, chinese.exit_code) == ("port-taken", 5)
    assert "8600" in english.sentence
    assert "8600" in chinese.sentence
    assert text("zh", "error.port-taken", host="127.0.0.1", port=8600) == chinese.sentence


def test_the_manual_names_every_command_and_exit_code() -> None:
    manual = (ROOT / "docs" / "cli.md").read_text()
    for path, command in walk(build("en")):
        if path and getattr(command, "commands", None) is None:
            assert re.search(rf"[`|\s]{re.escape(path.split()[-1])}[`|\s,]", manual), path
    rows = {int(code) for code in re.findall(r"^\| (\d+) \|", manual, re.MULTILINE)}
    assert rows == {int(code) for code in ExitCode}
