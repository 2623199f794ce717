"""The folder of locked keys: durable, private, and destroyed when told to."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from vault.keys import KeyId, LockedKeyError, PrivateKey, WrapRefusedError, unwrap, wrap
from vault.keystore import KeyMissingError, Keystore, KeystoreError
from vault.sealed import new_document_key


def test_a_key_is_kept_opened_and_destroyed(tmp_path: Path) -> None:
    store, key = Keystore(tmp_path / "deep" / "keys"), PrivateKey.generate()
    name = store.add(key, "secret")
    assert name == key.id
    assert list(Keystore(tmp_path / "deep" / "keys").ids()) == [name]
    assert store.open(name, "secret").public == key.public
    [file] = (tmp_path / "deep" / "keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "deep" / "keys").stat().st_mode) == 0o700
    store.destroy(name)
    assert list((tmp_path / "deep" / "keys").iterdir()) == []
    for act in (lambda: store.open(name, "secret"), lambda: store.destroy(name)):
        with pytest.raises(KeyMissingError) as caught:
            act()
        assert caught.value.code == "keystore-missing"


def test_destroying_overwrites_before_it_unlinks(tmp_path: Path) -> None:
    store, key = Keystore(tmp_path), PrivateKey.generate()
    name = store.add(key, "secret")
    [file] = tmp_path.iterdir()
    (tmp_path / "still").hardlink_to(file)  # another name for the same bytes of the disk
    store.destroy(name)
    assert (tmp_path / "still").read_bytes() == bytes(113)


def test_with_its_reader_destroyed_a_wrap_opens_for_nobody(tmp_path: Path) -> None:
    store = Keystore(tmp_path)
    name = store.add(PrivateKey.generate(), "secret")
    wrapped = wrap(new_document_key(), store.open(name, "secret").public, {"document": "ab"})
    unwrap(wrapped, store.open(name, "secret"), {"document": "ab"})
    store.destroy(name)
    with pytest.raises(KeyMissingError):
        store.open(name, "secret")
    with pytest.raises(WrapRefusedError):
        unwrap(wrapped, PrivateKey.generate(), {"document": "ab"})


def test_a_wrong_passphrase_or_an_exchanged_file_is_refused(tmp_path: Path) -> None:
    store = Keystore(tmp_path)
    one, other = (store.add(PrivateKey.generate(), "secret") for _ in range(2))
    with pytest.raises(LockedKeyError):
        store.open(one, "other")
    (tmp_path / f"{one}.key").write_bytes((tmp_path / f"{other}.key").read_bytes())
    with pytest.raises(LockedKeyError):
        store.open(one, "secret")


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    store, key = Keystore(tmp_path), PrivateKey.generate()
    name = store.add(key, "first")
    with pytest.raises(KeystoreError) as caught:
        store.add(key, "second")
    assert caught.value.code == "keystore-storage"
    assert store.open(name, "first").id == name
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.key"]


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "AB" * 32, "ab" * 31, "ab" * 32 + "\n"])
def test_a_name_that_is_none_opens_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyMissingError):
        Keystore(tmp_path).open(KeyId(name), "secret")


def test_no_name_reaches_a_file_outside_the_folder(tmp_path: Path) -> None:
    store = Keystore(tmp_path / "keys")
    (tmp_path / "x.key").write_bytes(PrivateKey.generate().lock("secret"))
    for act in (lambda: store.open(KeyId("../x"), "secret"), lambda: store.destroy(KeyId("../x"))):
        with pytest.raises(KeyMissingError):
            act()
    assert (tmp_path / "x.key").exists()


def test_a_folder_that_cannot_be_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(KeystoreError):
        Keystore(tmp_path / "file" / "keys")
    (tmp_path / "other.key").write_bytes(b"not one of ours")
    assert list(Keystore(tmp_path).ids()) == []
