"""Keys, key files, and signed transactions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.intents import Address, keccak, recover
from chain.signers import KeySigner, Keystore, KeystoreError, Transaction, read_keystore, sign_transaction

SECRET = keccak(b"signer")
SIGNER = KeySigner(SECRET)
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


@given(st.binary(min_size=32, max_size=32))
def test_every_signature_is_low_s_and_recovers(digest: bytes) -> None:
    signature = SIGNER.sign(digest)
    assert recover(digest, signature) == SIGNER.address
    assert int.from_bytes(signature.rsv[32:64], "big") <= HALF_ORDER


def test_a_signer_does_not_show_its_key() -> None:
    assert SECRET.hex() not in repr(SIGNER)
    assert SIGNER.address in repr(SIGNER)


class TestTransactions:
    @given(
        st.none() | st.binary(min_size=20, max_size=20),
        st.binary(max_size=300),
        st.integers(0, 1 << 60),
        st.integers(1, (1 << 40) - 1),
        st.integers(0, 1 << 70),
    )
    def test_they_are_those_of_eth_account(
        self, to: bytes | None, data: bytes, nonce: int, chain_id: int, price: int
    ) -> None:
        fields = Transaction(
            to=Address("0x" + to.hex()) if to is not None else None,
            value=price // 3,
            data=data,
            gas=nonce // 7 + 21_000,
            gasPrice=price,
            nonce=nonce,
            chainId=chain_id,
        )
        theirs = {key: value for key, value in fields.items() if value is not None}
        if fields["to"] is not None:
            theirs["to"] = to_checksum_address(fields["to"])
        expected = Account.sign_transaction(theirs, SECRET)
        raw, hash_ = sign_transaction(SIGNER, fields)
        assert raw == bytes(expected.raw_transaction)
        assert hash_ == "0x" + bytes(expected.hash).hex()
        assert Account.recover_transaction(raw).lower() == SIGNER.address


class TestKeystore:
    def test_a_key_is_made_kept_and_found(self, tmp_path: Path) -> None:
        folder = tmp_path / "keys"
        made = Keystore(folder, "password").create()
        again = Keystore(folder, "password")
        assert made.address in again
        digest = keccak(b"digest")
        assert again.signer(made.address).sign(digest) == made.sign(digest)
        assert folder.stat().st_mode & 0o777 == 0o700
        (file,) = folder.iterdir()
        assert file.stat().st_mode & 0o777 == 0o600

    def test_others_can_read_it(self, tmp_path: Path) -> None:
        made = Keystore(tmp_path, "password").create()
        (file,) = tmp_path.iterdir()
        secret = Account.decrypt(json.loads(file.read_text()), "password")
        assert KeySigner(bytes(secret)).address == made.address

    def test_it_reads_others(self, tmp_path: Path) -> None:
        content = Account.encrypt(SECRET, "password", kdf="pbkdf2", iterations=2)
        path = tmp_path / "key.json"
        path.write_text(json.dumps(content))
        assert read_keystore(path, "password").address == SIGNER.address

    def test_another_password_is_refused(self, tmp_path: Path) -> None:
        made = Keystore(tmp_path, "password").create()
        with pytest.raises(KeystoreError):
            Keystore(tmp_path, "passw0rd").signer(made.address)

    @pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"version": 3, "crypto": {}}', "\x00"])
    def test_a_damaged_file_is_refused(self, tmp_path: Path, content: str) -> None:
        (tmp_path / f"{SIGNER.address[2:]}.json").write_text(content)
        with pytest.raises(KeystoreError):
            Keystore(tmp_path, "password").signer(SIGNER.address)

    def test_a_file_with_another_accounts_key_is_refused(self, tmp_path: Path) -> None:
        Keystore(tmp_path, "password").create()
        (file,) = tmp_path.iterdir()
        file.rename(tmp_path / f"{SIGNER.address[2:]}.json")
        with pytest.raises(KeystoreError):
            Keystore(tmp_path, "password").signer(SIGNER.address)

    def test_a_missing_key_is_refused(self, tmp_path: Path) -> None:
        keystore = Keystore(tmp_path, "password")
        assert SIGNER.address not in keystore
        assert 7 not in keystore
        with pytest.raises(KeystoreError):
            keystore.signer(SIGNER.address)

    @pytest.mark.parametrize("name", ["0x../secret", "0x", "..", "0x" + "ab" * 19 + "/."])
    def test_a_name_that_is_no_account_reaches_no_file(self, tmp_path: Path, name: str) -> None:
        folder = tmp_path / "keys"
        Keystore(folder, "password").create()
        (tmp_path / "secret.json").write_text("{}")
        keystore = Keystore(folder, "password")
        assert name not in keystore
        with pytest.raises(KeystoreError):
            keystore.signer(Address(name))

    def test_a_write_that_was_interrupted_leaves_no_key_behind(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import os

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            Keystore(tmp_path, "password").create()
        assert list(tmp_path.glob("*.json")) == []


@settings(max_examples=25)
@given(st.binary(min_size=32, max_size=32))
def test_secrets_that_are_no_keys_are_refused(secret: bytes) -> None:
    number = int.from_bytes(secret, "big")
    if 0 < number < 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141:
        assert KeySigner(secret).address == Account.from_key(secret).address.lower()
