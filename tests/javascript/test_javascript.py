"""The page's verifier by itself: its own tests in node, its JSON beside Python's, its files as published."""

from __future__ import annotations

import base64
import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chain.canonical import CanonicalError, JsonError, canonical, parse
from tests.javascript.bridge import FOLDER, find_node

ROOT = FOLDER.parents[1]
PAGE = ROOT / "api" / "web" / "verifier"
SUITES = sorted(path.name for path in FOLDER.glob("*.test.js"))


def test_there_are_tests() -> None:
    assert len(SUITES) >= 7


@pytest.mark.timeout(900)
@pytest.mark.parametrize("suite", SUITES)
def test_in_node(suite: str) -> None:
    ran = subprocess.run(
        [find_node(), "--test", "--test-reporter=tap", str(FOLDER / suite)],
        capture_output=True,
        text=True,
        timeout=880,
    )
    failed = [line for line in ran.stdout.splitlines() if line.lstrip().startswith("not ok")]
    assert (ran.returncode, failed) == (0, []), (
        "\n".join(failed[:20]) + ran.stdout[-2000:] + ran.stderr[-2000:]
    )
    counts = dict(re.findall(r"^# (tests|pass|skipped|todo) (\d+)$", ran.stdout, re.MULTILINE))
    assert counts["tests"] == counts["pass"]
    assert int(counts["tests"]) > 2  # an empty file counts as one


def test_json_is_read_and_written_as_in_python() -> None:
    luck = random.Random(3)  # noqa: S311 - a test's order, no secret
    texts = [_text(luck) for _ in range(4000)]
    lines = "".join(base64.b64encode(text).decode() + "\n" for text in texts)
    ran = subprocess.run(
        [find_node(), str(FOLDER / "json.js")], input=lines, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    kinds = set()
    for text, answer in zip(texts, answers, strict=True):
        try:
            expected = {"canonical": canonical(parse(text, max_bytes=4096, max_depth=12)).hex()}
        except (JsonError, CanonicalError) as error:
            expected = {"refused": error.code}
        kinds.add(expected.get("refused", "canonical"))
        # Where several things are wrong, which is named first is each reader's own affair.
        assert answer.keys() == expected.keys(), (text, answer, expected)
        assert answer.get("canonical") == expected.get("canonical"), text
        assert answer.get("refused", "json").startswith("json"), answer
    assert {"canonical", "json-syntax", "json-number", "json-surrogate", "json-duplicate-key"} <= kinds


_SCRAPS = (
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b" ", b"\n", b"\t", b"\x0b", b"\xc2\xa0"),
    *(b"0", b"-0", b"-", b"01", b"1", b"-7", b"1.0", b"1e3", b"1E+400", b".5", b"9007199254740991"),
    *(b"9007199254740992", b"-9007199254740993", b"123456789012345678", b"NaN", b"Infinity", b"-Infinity"),
    *(b"true", b"false", b"null", b"tru", b"nul", b'"a"', b'"__proto__"', b'"\\u0061"', b'"\\ud83d\\ude00"'),
    *(b'"\\ud83d"', b'"\\ude00\\ud83d"', b'"\\u00_1"', b'"\\x"', b'"\\/\\b\\f\\n\\r\\t\\\\\\""', b'"\x7f"'),
    *('"é"'.encode(), '"\U0001f600"'.encode(), '"\ufffd\u2028"'.encode(), '"\ue000"'.encode()),
    *(
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\xc0\xaf"',
        b'"\xf4\x90\x80\x80"',
        b"\xef\xbb\xbf",
        b'"\x01"',
        b'"\x00"',
    ),
)


def _text(luck: random.Random) -> bytes:
    """Some JSON, mostly, with something spoilt now and then."""
    kind = luck.random()
    if kind < 0.15:
        return b"".join(luck.choices(_SCRAPS, k=luck.randrange(1, 9)))
    text = _value(luck, 0)
    if kind < 0.5:
        place = luck.randrange(len(text) + 1)
        text = text[:place] + luck.choice(_SCRAPS) + text[place + luck.randrange(3) :]
    return text


def _value(luck: random.Random, depth: int) -> bytes:
    kind = luck.random()
    if depth > 14 or kind < 0.5:
        return luck.choice(_SCRAPS[13:])
    count, blank = luck.randrange(4), luck.choice((b"", b"", b" ", b"\r\n"))
    if kind < 0.75:
        return b"[" + b",".join(blank + _value(luck, depth + 1) for _ in range(count)) + b"]"
    keys = [
        luck.choice((b'"a"', b'"b"', b'"\\u0061"', '"\ue000"'.encode(), '"\U0001f600"'.encode(), b'""'))
        for _ in range(count)
    ]
    return b"{" + b",".join(key + blank + b":" + _value(luck, depth + 1) for key in keys) + b"}"


def test_what_the_page_holds_of_others_is_as_it_was_had() -> None:
    """Vendored code is npm's to the byte, the contracts are the artefacts', and the published hashes fit."""
    packages = ROOT / ".tools" / "node" / "node_modules"
    if not (packages / "@noble" / "curves").is_dir():
        pytest.skip("the node tools are not installed: ./scripts/tools --quick installs them")
    checked = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "verifier"), "--check"], capture_output=True, text=True
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_vendored_code_is_the_locked_packages_own() -> None:
    """Between its frames stands each file of the packages that package-lock.json names, and nothing else."""
    packages = ROOT / ".tools" / "node" / "node_modules"
    if not (packages / "@noble" / "curves").is_dir():
        pytest.skip("the node tools are not installed: ./scripts/tools --quick installs them")
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    text = (PAGE / "vendor" / "noble.js").read_text(encoding="utf-8")
    for name in ("@noble/curves", "@noble/hashes"):
        version = json.loads((packages / name / "package.json").read_text())["version"]
        assert version == lock[f"node_modules/{name}"]["version"]
        assert f"{name} {version}" in text.splitlines()[0]
    parts = re.findall(
        r'^part\("([^"]+)", function \(exports, require\) \{\n(.*?)\n\}\);\n', text, re.M | re.S
    )
    assert len(parts) == 14
    for name, body in parts:
        assert body == (packages / name).read_text(encoding="utf-8"), name
        text = text.replace(f'part("{name}", function (exports, require) {{\n{body}\n}});\n', "")
    assert len(text.splitlines()) < 40  # the frames, which anyone can read


def test_the_page_is_readable_and_loads_nothing_else() -> None:
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|style=|https?://(?!127)", html)
    named = set(re.findall(r'(?:src|href)="([^"#]+)"', html))
    files = {path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*") if path.is_file()}
    assert files - named == {"index.html", "vendor/LICENSE.noble"}
    assert named <= files
    for path in sorted(PAGE.glob("*.js")):
        text = path.read_text(encoding="utf-8")
        assert text.startswith("// "), path.name
        if path.name not in ("contracts.js", "pagetexts.js"):
            assert text.count("\n") < 300, path.name
            assert max(map(len, text.splitlines())) <= 120, path.name
        assert not re.search(
            r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage", text
        )
        assert ("fetch(" in text) == (path.name == "rpc.js"), path.name


def test_every_word_of_the_page_is_there_in_both_languages() -> None:
    script = f"""
        const {{ lb }} = require({json.dumps(str(FOLDER / "support.js"))});
        process.stdout.write(JSON.stringify(lb.words));
    """
    ran = subprocess.run([find_node(), "-e", script], capture_output=True, text=True, timeout=60)
    words = json.loads(ran.stdout)
    assert list(words["en"]) == list(words["zh"])
    holes = re.compile(r"\{\w+\}")
    for key, text in words["en"].items():
        assert sorted(holes.findall(text)) == sorted(holes.findall(words["zh"][key])), key
        assert words["zh"][key].strip(), key
    sources = "".join(path.read_text(encoding="utf-8") for path in PAGE.glob("*.js"))
    codes = set(re.findall(r'Refusal\("([a-z-]+)"', sources))
    codes |= set(re.findall(r'refuse\("((?:paper|node)-[a-z-]+)"', sources))
    assert {f"refusal-{code}" for code in codes - {"sealed-malformed"}} <= words["en"].keys()
    shown = set(re.findall(r'data-text="([^"]+)"', (PAGE / "index.html").read_text(encoding="utf-8")))
    assert shown <= words["en"].keys()


def test_the_package_has_the_page(tmp_path: Path) -> None:
    """A wheel carries every file of the page."""
    from hatchling.builders.wheel import WheelBuilder

    built = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path)))
    listed = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", built], capture_output=True, text=True, check=True
    )
    for path in PAGE.rglob("*"):
        if path.is_file():
            assert f"api/web/verifier/{path.relative_to(PAGE).as_posix()} " in listed.stdout
