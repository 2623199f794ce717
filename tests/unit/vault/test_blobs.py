"""The store of ciphertexts: durable or not there, the bytes of the name or refused, never half of either."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vault.blobs import BlobCorruptError, BlobId, BlobMissingError, BlobStorageError, BlobStore

REPOSITORY = Path(__file__).parents[3]


def name_of(data: bytes) -> BlobId:
    return BlobId(sha256(data).hexdigest())


@pytest.fixture(params=["memory", "folder"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return BlobStore.open("memory:" if request.param == "memory" else str(tmp_path / "blobs"))


@pytest.mark.parametrize("length", [0, 1, 1000, 3_000_000])
def test_what_is_put_is_got_under_its_own_digest(blobs: BlobStore, length: int) -> None:
    data = bytes(number % 251 for number in range(length))
    name = blobs.put(data)
    assert name == name_of(data)
    assert blobs.get(name) == data
    assert b"".join(blobs.stream(name)) == data
    assert list(blobs.ids()) == [name]
    assert blobs.put(iter([data[:10], data[10:]])) == name


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(pieces=st.lists(st.binary(max_size=50), max_size=6))
def test_pieces_are_the_same_as_the_whole(blobs: BlobStore, pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert blobs.put(pieces) == blobs.put(whole) == name_of(whole)
    assert blobs.get(name_of(whole)) == whole


def test_what_is_not_there_is_missing_by_name(blobs: BlobStore) -> None:
    with pytest.raises(BlobMissingError) as caught:
        blobs.get(name_of(b"never"))
    assert (caught.value.code, caught.value.params) == ("blob-missing", {"blob": name_of(b"never")})
    blobs.delete(name_of(b"never"))


def test_what_is_deleted_is_gone(blobs: BlobStore) -> None:
    kept, gone = blobs.put(b"kept"), blobs.put(b"gone")
    blobs.delete(gone)
    with pytest.raises(BlobMissingError):
        blobs.get(gone)
    assert list(blobs.ids()) == [kept]
    assert blobs.put(b"gone") == gone


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "AB" * 32, "ab" * 31, "ab" * 32 + "\n", "/"])
def test_a_name_that_is_none_reaches_no_file(blobs: BlobStore, name: str) -> None:
    for act in (blobs.get, blobs.delete):
        with pytest.raises(BlobMissingError):
            act(BlobId(name))


@pytest.mark.parametrize("url", ["", "gs://bucket", "https://host/x", "s3:", "file:", "file://host/x"])
def test_a_url_of_no_store_is_refused(url: str) -> None:
    with pytest.raises(BlobStorageError):
        BlobStore.open(url)


def test_a_bucket_out_of_reach_is_refused_by_name_and_soon() -> None:
    # No server listens on port 1; obstore's own client asks, which the block on sockets does not touch.
    options = {"endpoint": "http://127.0.0.1:1", "access_key_id": "a", "secret_access_key": "b"}
    blobs = BlobStore.open("s3://bucket/prefix", options)
    began = time.monotonic()
    with pytest.raises(BlobStorageError) as caught:
        blobs.put(b"x")
    assert "127.0.0.1" not in str(caught.value)
    assert time.monotonic() - began < 20


def test_a_folder_is_opened_by_path_or_url_and_again(tmp_path: Path) -> None:
    folder = tmp_path / "a folder" / "with #1?"
    name = BlobStore.open(str(folder)).put(b"x")
    assert BlobStore.open(folder.as_uri()).get(name) == b"x"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / name[:2] / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "more"])
def test_altered_bytes_are_corrupt_by_name_and_never_accepted(tmp_path: Path, damage: str) -> None:
    blobs, data = BlobStore.open(str(tmp_path)), bytes(3_000_000)
    name = blobs.put(data)
    file = tmp_path / name[:2] / name
    altered = {"flip": b"\1" + data[1:], "cut": data[:-1], "empty": b"", "more": data + b"\0"}[damage]
    file.write_bytes(altered)
    with pytest.raises(BlobCorruptError) as caught:
        blobs.get(name)
    assert caught.value.code == "blob-corrupt"
    given_out: list[bytes] = []
    with pytest.raises(BlobCorruptError):
        given_out.extend(blobs.stream(name))
    assert sum(map(len, given_out)) < len(data)
    with pytest.raises(BlobCorruptError):
        blobs.put(data)
    assert file.read_bytes() == altered
    blobs.delete(name)
    assert blobs.get(blobs.put(data)) == data


def test_a_put_syncs_the_bytes_before_the_name_and_the_name_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs, sync, link = BlobStore.open(str(tmp_path)), os.fsync, os.link
    acts: list[tuple[str, str]] = []

    def watched_sync(handle: int) -> None:
        sync(handle)
        kind = "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
        acts.append((kind, os.readlink(f"/proc/self/fd/{handle}").split("/")[-1]))

    def watched_link(source: Any, target: Any) -> None:
        link(source, target)
        acts.append(("link", Path(target).name))

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(os, "link", watched_link)
    name = blobs.put(b"x")
    folder, [file, linked, named] = acts[0], acts[1:]
    assert folder == ("folder", tmp_path.name)  # the new folder's own name
    assert file[0] == "file"
    assert (linked, named) == (("link", name), ("folder", name[:2]))
    acts.clear()
    blobs.delete(name)
    assert acts == [("folder", name[:2])]
    assert list((tmp_path / "incoming").iterdir()) == []


@pytest.mark.parametrize("in_pieces", [False, True])
def test_a_write_that_the_system_refuses_leaves_nothing(tmp_path: Path, in_pieces: bool) -> None:
    """The limit on a file's size stands for a full disk: the kernel refuses in the midst of a real write."""
    blobs, data = BlobStore.open(str(tmp_path)), bytes(2_000_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(BlobStorageError) as caught:
            blobs.put(iter([data[:500_000], data[500_000:]]) if in_pieces else data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.code == "blob-storage"
    assert str(tmp_path) not in str(caught.value)
    assert list(blobs.ids()) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert blobs.get(blobs.put(data)) == data


FULL_DISK = """
import sys
from vault.blobs import BlobStorageError, BlobStore
blobs = BlobStore.open(sys.argv[1])
kept = blobs.put(bytes(20_000))
for name in range(20):
    try:
        blobs.put(name.to_bytes(1, "big") * 40_000)
    except BlobStorageError as error:
        assert error.__cause__.errno == 28, error.__cause__
        break
else:
    raise SystemExit("the disk was never full")
for blob in blobs.ids():
    blobs.get(blob)
for blob in list(blobs.ids()):
    if blob != kept:
        blobs.delete(blob)
assert blobs.get(blobs.put(b"y" * 40_000)) and blobs.get(kept)
print("refused by name")
"""


def test_a_full_disk_is_refused_by_name_and_harms_nothing(tmp_path: Path) -> None:
    mounted = f'mount -t tmpfs -o size=256k none "{tmp_path}" && exec "$0" -c "$1" "{tmp_path}"'
    probe = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f'mount -t tmpfs none "{tmp_path}"'], capture_output=True, check=False
    )
    if probe.returncode:
        pytest.skip("this system lets no user mount a small disk of its own")
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mounted, sys.executable, FULL_DISK],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "refused by name\n"), done.stderr


WRITER = """
import os, sys
from vault.blobs import BlobStore
blobs = BlobStore.open(sys.argv[1])
number = 0
while True:
    number += 1
    name = blobs.put(iter([os.urandom(100_000), os.urandom(100_000)]))
    os.write(1, name.encode() + b"\\n")
"""


def test_killed_at_any_instant_the_store_holds_whole_blobs_and_all_acknowledged(tmp_path: Path) -> None:
    acknowledged: list[BlobId] = []
    for turn in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=REPOSITORY
        ) as writer:
            assert writer.stdout
            first = writer.stdout.readline()
            time.sleep(0.003 * turn)
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read()
        lines = (first + rest).split(b"\n")[:-1]
        acknowledged += [BlobId(line.decode()) for line in lines]
    blobs = BlobStore.open(str(tmp_path))
    names = set(blobs.ids())
    assert len(acknowledged) >= 8
    assert set(acknowledged) <= names
    for name in names:
        blobs.get(name)


def test_what_a_killed_process_left_is_swept_a_day_later(tmp_path: Path) -> None:
    BlobStore.open(str(tmp_path))
    old, new = (tmp_path / "incoming" / f"{name}.part" for name in "ab")
    for file in (old, new):
        file.write_bytes(b"half")
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))
    blobs = BlobStore.open(str(tmp_path))
    assert (old.exists(), new.exists()) == (False, True)
    assert list(blobs.ids()) == []


def test_many_at_once_put_the_same_bytes(tmp_path: Path) -> None:
    blobs = BlobStore.open(str(tmp_path))
    found: list[BlobId] = []
    failed: list[Exception] = []

    def put() -> None:
        try:
            found.extend(blobs.put(bytes([number]) * 1000) for number in range(20))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(found) == 160
    assert set(blobs.ids()) == set(found) == {name_of(bytes([number]) * 1000) for number in range(20)}


def test_other_files_in_the_folder_are_no_blobs(tmp_path: Path) -> None:
    blobs = BlobStore.open(str(tmp_path))
    (tmp_path / "README").write_bytes(b"x")
    assert list(blobs.ids()) == []


def test_a_folder_that_cannot_be_used_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BlobStorageError):
        BlobStore.open(str(tmp_path / "file" / "blobs"))
    blobs = BlobStore.open(str(tmp_path / "blobs"))
    name = name_of(b"x")
    (tmp_path / "blobs" / name[:2] / name).mkdir(parents=True)
    with pytest.raises(BlobStorageError):
        blobs.put(b"x")
    with pytest.raises(BlobStorageError):
        blobs.delete(name)


def test_a_stream_of_pieces_that_fails_leaves_nothing(blobs: BlobStore) -> None:
    class Broken(Exception):
        pass

    def pieces() -> Iterator[bytes]:
        yield b"x" * 1000
        raise Broken

    with pytest.raises(Broken):
        blobs.put(pieces())
    assert list(blobs.ids()) == []
