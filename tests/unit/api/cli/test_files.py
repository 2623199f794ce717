"""Files that commands read and write."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from api.cli import files
from api.cli.errors import CliError


def test_a_token_alone_or_by_name(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("lb_x\n")
    assert files.read_token(str(path)) == "lb_x"
    path.write_text(json.dumps({"tokens": {"bank": {"token": "lb_y"}}}))
    assert files.read_token(f"{path}#bank") == "lb_y"


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        ("nothing", "", "token-file"),
        ("{}", "#bank", "token-name"),
        ('{"tokens": {"bank": 3}}', "#bank", "token-name"),
        ("[]", "#bank", "file-not-json"),
    ],
)
def test_no_token(tmp_path: Path, content: str, name: str, code: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    with pytest.raises(CliError) as caught:
        files.read_token(f"{path}{name}")
    assert caught.value.code == code


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a"
    files.write_new(path, "one", private=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(CliError, match="file-exists"):
        files.write_new(path, "two")
    assert path.read_text() == "one"


def test_what_is_replaced_is_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o644)
    files.replace_private(path, {"new": 1})
    assert json.loads(path.read_text()) == {"new": 1}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"format": files.BILL_FILE},
        {"format": files.BILL_FILE, "document": {}, "seed": 3},
        {"format": files.BILL_FILE, "document": {}, "seed": "", "bill": 3},
        {"format": "landbridge/bill-file/2", "document": {}, "seed": ""},
    ],
)
def test_no_bill_file(tmp_path: Path, content: dict[str, object]) -> None:
    path = tmp_path / "a"
    path.write_text(json.dumps(content))
    with pytest.raises(CliError, match="file-format"):
        files.read_bill_file(path)
