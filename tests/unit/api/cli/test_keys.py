"""Keys of one's own: made, locked, opened; acts signed offline."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILLS_DOMAIN
from chain.intents import Act, Address, Domain
from tests.clilab import cli

DOMAIN = Domain(RAIL_BILLS_DOMAIN, "1", 20777, Address("0x" + "1f" * 20))
TRANSFER = next(act for act in RAIL_BILL_ACTS if act.name == "Transfer")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    (folder / "password").write_text("correct horse\n")
    made = cli(
        "party", "keygen", "--out", folder / "bank.json", "--password-file", folder / "password", "--json"
    )
    assert made.code == 0, made.err
    (folder / "made").write_text(made.out)
    return folder


@pytest.fixture
def act(tmp_path: Path) -> Path:
    typed = Act(TRANSFER, b"\x01" * 32, 1, 2_000_000_000, {"to": 4}).typed_data(DOMAIN)
    path = tmp_path / "act.json"
    path.write_text(json.dumps(typed))
    return path


def test_keygen_makes_two_locked_files_for_the_owner_alone(keys: Path) -> None:
    made: dict[str, Any] = json.loads((keys / "made").read_text())
    for name in ("key_file", "reader_key_file"):
        assert stat.S_IMODE(Path(made[name]).stat().st_mode) == 0o600
    opened = Account.from_key(Account.decrypt((keys / "bank.json").read_text(), "correct horse"))
    assert opened.address.lower() == made["address"]
    assert len(bytes.fromhex(made["reader_key"])) == 32


def test_keygen_overwrites_nothing(keys: Path) -> None:
    before = (keys / "bank.json").read_bytes()
    again = cli("party", "keygen", "--out", keys / "bank.json", "--password-file", keys / "password")
    assert (again.code, "file-exists" in again.err) == (5, True)
    assert (keys / "bank.json").read_bytes() == before


def test_without_a_password_nothing_is_made(tmp_path: Path) -> None:
    result = cli("party", "keygen", "--out", tmp_path / "key.json")
    assert (result.code, list(tmp_path.iterdir())) == (2, [])


def test_an_act_signed_offline_is_what_wallets_sign(keys: Path, act: Path) -> None:
    result = cli(
        *("intent", "sign", act, "--key", keys / "bank.json", "--password-file", keys / "password", "--json")
    )
    assert result.code == 0, result.err
    (signature,) = result.json()["signatures"]
    signer = Account.recover_message(
        encode_typed_data(full_message=json.loads(act.read_text())), signature=signature
    )
    assert signer.lower() == json.loads((keys / "made").read_text())["address"]
    assert "to: 4" in result.err  # what is signed is shown
    assert DOMAIN.verifying_contract in result.err


def test_a_second_signature_stands_beside_the_first(keys: Path, act: Path, tmp_path: Path) -> None:
    signing = ("--key", keys / "bank.json", "--password-file", keys / "password")
    assert cli("intent", "sign", act, *signing, "--out", tmp_path / "once.json").code == 0
    twice = cli("intent", "sign", tmp_path / "once.json", *signing, "--json")
    assert len(twice.json()["signatures"]) == 2


@pytest.mark.parametrize("password", ["wrong", ""])
def test_another_password(keys: Path, act: Path, tmp_path: Path, password: str) -> None:
    (tmp_path / "password").write_text(password)
    result = cli(
        *(
            "intent",
            "sign",
            act,
            "--key",
            keys / "bank.json",
            "--password-file",
            tmp_path / "password",
            "--json",
        )
    )
    assert result.code == 5
    assert result.json()["error"]["code"] in ("keystore", "password-empty")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"primaryType": "Steal"}, "intent-malformed"),
        ({"domain": {"name": "Another", "version": "1"}}, "domain-unknown"),
        ({"domain": {"name": RAIL_BILLS_DOMAIN, "version": "2"}}, "domain-unknown"),
        ({"domain": {"name": RAIL_BILLS_DOMAIN, "version": "1", "chainId": True}}, "domain-unknown"),
        ({"message": {}}, "intent-malformed"),
        ({"message": 3}, "file-format"),
        ({"domain": "x"}, "file-format"),
    ],
)
def test_what_is_no_act_is_not_signed(keys: Path, act: Path, changes: dict[str, Any], code: str) -> None:
    act.write_text(json.dumps(json.loads(act.read_text()) | changes))
    result = cli(
        *("intent", "sign", act, "--key", keys / "bank.json", "--password-file", keys / "password", "--json")
    )
    assert result.code == 5
    assert result.json()["error"]["code"] == code


def test_an_unsigned_act_is_not_handed_in(act: Path) -> None:
    result = cli("intent", "submit", act, "--rpc", "http://127.0.0.1:1", "--json")
    assert (result.code, result.json()["error"]["code"]) == (5, "not-signed")


def test_an_embedded_chain_that_is_not_there_is_not_made(keys: Path, act: Path, tmp_path: Path) -> None:
    signing = ("--key", keys / "bank.json", "--password-file", keys / "password")
    cli("intent", "sign", act, *signing, "--out", tmp_path / "signed.json")
    result = cli(
        "intent", "submit", tmp_path / "signed.json", "--rpc", f"embedded:{tmp_path}/chain.db", "--json"
    )
    assert (result.code, result.json()["error"]["code"]) == (5, "file-missing")
    assert not (tmp_path / "chain.db").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'{"format": "landbridge/reader-key/1"}',
        b'{"format":"landbridge/reader-key/1","public":"aa","locked":"?"}',
    ],
)
def test_a_damaged_reader_key(tmp_path: Path, content: bytes) -> None:
    from api.cli.errors import CliError
    from api.cli.keys import Keys
    from api.cli.run import Globals, Run

    path = tmp_path / "a.reader.json"
    path.write_bytes(content)
    (tmp_path / "password").write_text("x")
    keys = Keys(Run(Globals()), None, reader=path, password_file=tmp_path / "password")
    with pytest.raises(CliError) as caught:
        keys.reader()
    assert caught.value.exit_code == 5
