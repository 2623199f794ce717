"""A sealed document end to end: its readers open it, nobody else does, and erased it opens for none."""

from __future__ import annotations

from pathlib import Path

import pytest

from vault.blobs import BlobCorruptError, BlobMissingError, BlobStore
from vault.documents import (
    NotAReaderError,
    SealedDocument,
    add_reader,
    erase_document,
    open_document,
    remove_reader,
    seal_document,
)
from vault.keys import PrivateKey, WrapRefusedError
from vault.sealed import SealedKeyError, new_document_key, seal

CONTEXT: dict[str, str | int] = {"document": "cd" * 32, "version": 1}
ALICE, BOB, EVE = (PrivateKey.generate() for _ in range(3))


@pytest.fixture(params=["memory", "folder"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return BlobStore.open("memory:" if request.param == "memory" else str(tmp_path / "blobs"))


def test_each_reader_opens_it_and_nobody_else(blobs: BlobStore) -> None:
    sealed = seal_document(b"content" * 10_000, [ALICE.public, BOB.public], CONTEXT, blobs)
    for reader in (ALICE, BOB):
        assert open_document(sealed, reader, CONTEXT, blobs) == b"content" * 10_000
    with pytest.raises(NotAReaderError) as caught:
        open_document(sealed, EVE, CONTEXT, blobs)
    assert caught.value.code == "not-a-reader"
    stolen = SealedDocument(sealed.blob, {EVE.id: sealed.wraps[ALICE.id]})
    with pytest.raises(WrapRefusedError):
        open_document(stolen, EVE, CONTEXT, blobs)
    with pytest.raises(WrapRefusedError):
        open_document(sealed, ALICE, {**CONTEXT, "version": 2}, blobs)


def test_a_body_put_in_anothers_place_is_refused(blobs: BlobStore) -> None:
    one, other = (seal_document(data, [ALICE.public], CONTEXT, blobs) for data in (b"one", b"other"))
    with pytest.raises(SealedKeyError):
        open_document(SealedDocument(other.blob, one.wraps), ALICE, CONTEXT, blobs)


def test_a_document_is_sealed_under_a_key_of_its_own(blobs: BlobStore) -> None:
    one, other = (seal_document(b"same", [ALICE.public], CONTEXT, blobs) for _ in range(2))
    assert one.blob != other.blob
    with pytest.raises(NotAReaderError):
        seal_document(b"content", [], CONTEXT, blobs)


def test_a_reader_is_added_by_a_reader_and_taken_away(blobs: BlobStore) -> None:
    first = seal_document(b"content", [ALICE.public], CONTEXT, blobs)
    both = add_reader(first, ALICE, BOB.public, CONTEXT)
    assert both.blob == first.blob
    assert both.wraps[ALICE.id] == first.wraps[ALICE.id]
    assert open_document(both, BOB, CONTEXT, blobs) == b"content"
    with pytest.raises(NotAReaderError):
        add_reader(first, EVE, EVE.public, CONTEXT)
    only_bob = remove_reader(both, ALICE.id)
    assert open_document(only_bob, BOB, CONTEXT, blobs) == b"content"
    with pytest.raises(NotAReaderError):
        open_document(only_bob, ALICE, CONTEXT, blobs)
    with pytest.raises(NotAReaderError):
        remove_reader(only_bob, ALICE.id)


def test_erased_it_opens_for_nobody_even_from_a_copy_of_the_body(blobs: BlobStore) -> None:
    sealed = seal_document(b"content", [ALICE.public, BOB.public], CONTEXT, blobs)
    copy = blobs.get(sealed.blob)
    erased = erase_document(sealed, blobs)
    assert erased == SealedDocument(sealed.blob, {})
    assert list(blobs.ids()) == []
    with pytest.raises(BlobMissingError):
        open_document(sealed, ALICE, CONTEXT, blobs)
    blobs.put(copy)  # as from a backup
    for reader in (ALICE, BOB, EVE):
        with pytest.raises(NotAReaderError):
            open_document(erased, reader, CONTEXT, blobs)
    assert erase_document(erased, blobs) == erased


def test_a_blob_altered_at_rest_is_corrupt_by_name(tmp_path: Path) -> None:
    blobs = BlobStore.open(str(tmp_path))
    sealed = seal_document(b"content", [ALICE.public], CONTEXT, blobs)
    file = tmp_path / sealed.blob[:2] / sealed.blob
    whole = file.read_bytes()
    for bit in range(8 * len(whole)):
        at = bit // 8
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit % 8]) + whole[at + 1 :])
        with pytest.raises((BlobCorruptError, SealedKeyError)) as caught:
            open_document(sealed, ALICE, CONTEXT, blobs)
        assert caught.value.code == "blob-corrupt"


def test_a_blob_sealed_by_a_stranger_is_refused(blobs: BlobStore) -> None:
    sealed = seal_document(b"content", [ALICE.public], CONTEXT, blobs)
    forged = blobs.put(seal(b"forged", new_document_key(), CONTEXT))
    with pytest.raises(SealedKeyError):
        open_document(SealedDocument(forged, sealed.wraps), ALICE, CONTEXT, blobs)
