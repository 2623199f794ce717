"""The scrubber on a real database and a real folder: what is altered is named in a pass, and nothing else."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import SQLModel, select

from api.kernel.scrub import findings
from api.kernel.scrub.phases import PHASES
from api.kernel.scrub.tables import ScrubFindingRow, ScrubRow
from api.kernel.scrub.worker import Scrubber, begin, progress
from api.kernel.tables import DocumentRow
from chain.db import open_engine, reading, writing
from chain.entries import DOCUMENT, EVIDENCE, document_entry, evidence_entry
from chain.log import Log
from chain.tables import LeafRow
from vault.blobs import BlobId, BlobStore
from vault.sealed import new_document_key, seal

DOCUMENTS = 12
NOW = 1_800_000_000
TOLD_LATER = 4000
"""Seconds after which a ciphertext without a row is nobody's."""


class Place:
    """A database and a folder with documents and evidence, and a scrubber whose clock is the test's."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder = folder
        self.engine: Engine = open_engine(url or f"sqlite:///{folder / 'gateway.db'}")
        SQLModel.metadata.create_all(self.engine)
        self.blobs = BlobStore.open(str(folder / "blobs"))
        self.log = Log()
        self.now = float(NOW)
        self.documents = [self.store(n) for n in range(DOCUMENTS)]
        with writing(self.engine) as session:
            entries = [evidence_entry(1, "x", secrets.token_bytes(32), bytes(32)) for _ in range(600)]
            self.log.append(session, EVIDENCE, entries)
            self.log.seal(session, now=NOW)

    def store(self, number: int, length: int = 40_000) -> tuple[str, BlobId]:
        """A document as the gateway stores it: digest and ciphertext."""
        digest, body = secrets.token_bytes(32), secrets.token_bytes(length)
        blob = self.blobs.put(seal(body, new_document_key(), {"document": number}))
        with writing(self.engine) as session:
            name = "0x" + digest.hex()
            row = DocumentRow(digest=name, format="x", blob=blob, size=length, author=1, created=NOW)
            session.add(row)
            self.log.append_once(session, DOCUMENT, [document_entry(digest, blob)])
        return name, blob

    def scrubber(self, **changes: Any) -> Scrubber:
        given = {"interval": 86_400, "bytes_a_second": 1 << 40, "items": 1 << 30} | changes
        return Scrubber(self.engine, self.blobs, clock=lambda: self.now, **given)

    def step(self, scrubber: Scrubber) -> bool:
        """One step without the rest after it."""
        scrubber._rest = 0.0
        return scrubber.tick()

    def pass_over(self, scrubber: Scrubber | None = None) -> dict[tuple[str, str], int | None]:
        """A whole pass; gives every finding, and when it was cleared."""
        with writing(self.engine) as session:
            number = begin(session, now=int(self.now))
        at_work = scrubber or self.scrubber()
        while at_work.tick():
            pass
        row = self.row()
        assert (row.phase, row.ended_number, progress(row)) == ("", number, 1.0)
        return self.found()

    def found(self) -> dict[tuple[str, str], int | None]:
        with reading(self.engine) as session:
            return {(row.code, row.place): row.cleared for row in session.exec(select(ScrubFindingRow))}

    def row(self) -> ScrubRow:
        with reading(self.engine) as session:
            return session.get_one(ScrubRow, 1)

    def file(self, blob: str) -> Path:
        return self.folder / "blobs" / blob[:2] / blob

    def sql(self, statement: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            assert connection.execute(text(statement), values).rowcount > 0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("made"))


@pytest.fixture
def place(made: Place, tmp_path: Path) -> Iterator[Place]:
    """A copy of one that is well."""
    made.engine.dispose()
    shutil.copytree(made.folder, tmp_path / "copy")
    copy = Place.__new__(Place)
    copy.folder, copy.now, copy.log = tmp_path / "copy", float(NOW), Log()
    copy.engine = open_engine(f"sqlite:///{copy.folder / 'gateway.db'}")
    copy.blobs = BlobStore.open(str(copy.folder / "blobs"))
    copy.documents = made.documents
    yield copy
    copy.engine.dispose()


def test_what_was_never_altered_is_well_and_all_of_it_was_looked_at(place):
    assert place.pass_over() == {}
    checked = json.loads(place.row().checked)
    assert (checked["leaves"], checked["documents"], checked["blobs"]) == (612, 12, 12)
    assert checked["bytes"] == sum(place.file(blob).stat().st_size for _, blob in place.documents)
    assert place.scrubber().health.code == "starting"


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("at", [0, 7, 20, 20_000, -1])
def test_one_bit_of_a_ciphertext(place, at):
    (_, blob), scrubber = place.documents[3], place.scrubber()
    flip(place.file(blob), at)
    assert place.pass_over(scrubber) == {("blob-altered", f"blob {blob}"): None}
    assert scrubber.health.code == "storage-rot"
    assert scrubber.health.params == {"findings": 1}
    flip(place.file(blob), at)
    place.now += 60
    assert place.pass_over(scrubber) == {("blob-altered", f"blob {blob}"): NOW + 60}
    assert scrubber.health.code != "storage-rot"


@pytest.mark.parametrize("left", [0, 5, 14, 100, 39_999])
def test_a_ciphertext_that_is_cut_off(place, left):
    blob = place.documents[0][1]
    os.truncate(place.file(blob), left)
    assert place.pass_over() == {("blob-truncated", f"blob {blob}"): None}


def test_a_ciphertext_with_more_at_its_end(place):
    blob = place.documents[0][1]
    with place.file(blob).open("ab") as file:
        file.write(b"x")
    assert place.pass_over() == {("blob-altered", f"blob {blob}"): None}


def test_a_ciphertext_that_is_gone_and_one_put_in_anothers_place(place):
    (_, gone), (_, other), (_, third) = place.documents[:3]
    place.file(gone).unlink()
    shutil.copy(place.file(third), place.file(other))
    assert set(place.pass_over()) == {
        ("blob-missing", f"blob {gone}"),
        ("blob-altered", f"blob {other}"),
    }


def test_a_ciphertext_that_cannot_be_read_alone(place):
    blob = place.documents[5][1]
    place.file(blob).unlink()
    place.file(blob).symlink_to(place.file(blob).name)  # a file that nobody can read, whoever asks
    assert place.pass_over() == {
        ("blob-unreadable", f"blob {blob}"): None,
        ("blobs-unlisted", f"blobs {blob[:2]}"): None,
    }


ALTERED = [
    ("UPDATE documents SET blob = :other WHERE digest = :digest", "document-row-altered"),
    ("UPDATE documents SET blob = 'nonsense' WHERE digest = :digest", "document-row-altered"),
    ("UPDATE documents SET blob = '../' || blob WHERE digest = :digest", "document-row-altered"),
    ("UPDATE documents SET size = size + 1 WHERE digest = :digest", "document-row-altered"),
    ("DELETE FROM documents WHERE digest = :digest", "document-row-missing"),
]


@pytest.mark.parametrize(("how", "code"), ALTERED)
def test_a_row_of_a_document_is_named_alone_and_its_ciphertext_is_not_nobodys(place, how, code):
    (digest, blob), (_, other) = place.documents[4], place.documents[5]
    place.now += TOLD_LATER
    age(place, blob)
    with reading(place.engine) as session:
        before = session.get_one(DocumentRow, digest)
    place.sql(how, digest=digest, **({"other": other} if ":other" in how else {}))
    assert place.pass_over() == {(code, f"document {digest}"): None}
    with writing(place.engine) as session:
        session.merge(before)
    assert place.pass_over() == {(code, f"document {digest}"): int(place.now)}


def test_a_row_under_another_digest_is_named_and_the_one_it_was_is_missed(place):
    digest, other = place.documents[4][0], "0x" + "5a" * 32
    place.sql("UPDATE documents SET digest = :other WHERE digest = :digest", digest=digest, other=other)
    assert set(place.pass_over()) == {
        ("document-row-altered", f"document {other}"),
        ("document-row-missing", f"document {digest}"),
    }


@pytest.mark.parametrize("name", ["", "x", "0x", "0x" + "5a" * 31, "\x1b[2J" + "x" * 5000, "0xzz"])
def test_a_row_with_any_name_at_all_is_named(place, name):
    digest = place.documents[4][0]
    place.sql("UPDATE documents SET digest = :name WHERE digest = :digest", digest=digest, name=name)
    assert set(place.pass_over()) == {
        ("document-row-altered", f"document {name[:80]}"),
        ("document-row-missing", f"document {digest}"),
    }


def test_a_row_whose_ciphertext_is_gone_too(place):
    """No row leads to it any more; the log does."""
    digest, blob = place.documents[4]
    place.sql("DELETE FROM documents WHERE digest = :digest", digest=digest)
    place.file(blob).unlink()
    assert set(place.pass_over()) == {
        ("document-row-missing", f"document {digest}"),
        ("blob-missing", f"blob {blob}"),
    }


@pytest.mark.parametrize(
    "how",
    [
        "UPDATE log_leaves SET entry = x'00' WHERE \"index\" = 4",
        "UPDATE log_leaves SET hash = x'00' WHERE \"index\" = 4",
        "UPDATE log_leaves SET kind = 'evidence' WHERE \"index\" = 4",
        'DELETE FROM log_leaves WHERE "index" = 4',
    ],
)
def test_a_document_is_not_blamed_for_its_leaf(place, how):
    place.sql(how)
    code = "leaf-missing" if how.startswith("DELETE") else "leaf-altered"
    assert place.pass_over() == {(code, "leaf 4"): None}


def test_the_logs_tables(place):
    with reading(place.engine) as session:
        assert session.get_one(LeafRow, 4).kind == DOCUMENT
    place.sql('UPDATE log_tiles SET hashes = zeroblob(8192) WHERE level = 0 AND "index" = 1')
    assert place.pass_over() == {("tile-altered", "tile 0/1"): None}
    place.sql("UPDATE log_heads SET root = x'00'")
    place.sql("UPDATE log_size SET size = 5")
    assert set(place.pass_over()) == {
        ("tile-altered", "tile 0/1"),
        ("head-altered", "head 612"),
        ("log-size-altered", "log"),
    }


# Ciphertexts of nobody


def age(place: Place, blob: str) -> None:
    """Let a ciphertext lie there since long ago."""
    long_ago = time.time() - TOLD_LATER
    os.utime(place.file(blob), (long_ago, long_ago))


def test_a_ciphertext_of_nobody_is_told_after_an_hour_and_never_taken_away(place):
    fresh, old, rotten = (place.blobs.put(secrets.token_bytes(1000)) for _ in range(3))
    for blob in (old, rotten):
        age(place, blob)
    flip(place.file(rotten), 5)
    age(place, rotten)
    scrubber = place.scrubber()
    found = set(place.pass_over(scrubber))
    assert found == {
        ("blob-orphan", f"blob {old}"),
        ("blob-orphan", f"blob {rotten}"),
        ("blob-altered", f"blob {rotten}"),
    }
    place.file(rotten).unlink()
    place.pass_over(scrubber)
    assert scrubber.health.code != "storage-rot"  # what belongs to nobody is no error
    assert place.blobs.get(old)
    assert place.blobs.get(fresh)


def test_other_files_in_the_folder_are_nobodys_business(place):
    (place.folder / "blobs" / "README").write_text("x")
    (place.folder / "blobs" / "ab").mkdir(exist_ok=True)
    (place.folder / "blobs" / "ab" / "notes").write_text("x")
    assert place.pass_over() == {}


# The storage does not answer


def test_storage_that_is_gone_is_named_and_no_document_is_blamed(place):
    scrubber = place.scrubber()
    away = place.folder / "blobs-away"
    (place.folder / "blobs").rename(away)
    with writing(place.engine) as session:
        begin(session, now=NOW)
    while scrubber._worker.run_step():
        pass
    assert scrubber.health.code == "blob-storage"
    before = place.row()
    assert before.phase == "documents"
    assert place.found() == {}
    away.rename(place.folder / "blobs")
    while scrubber._worker.run_step():
        pass
    assert place.row().ended_number == before.number
    assert place.found() == {}
    assert scrubber.health.code == "ok"


# Place and pace


def test_it_goes_on_where_another_process_left_it(place):
    flip(place.file(place.documents[2][1]), 0)
    place.sql("UPDATE log_leaves SET entry = x'00' WHERE \"index\" = 300")
    with writing(place.engine) as session:
        number = begin(session, now=NOW)
    seen = []
    for _ in range(2000):
        # Each step by another scrubber, as if the one before had been killed; its lease has run out.
        place.now += 20
        place.step(place.scrubber(items=1))
        row = place.row()
        seen.append((row.phase, row.at))
        if not row.phase:
            break
    assert place.row().ended_number == number
    phases = [phase for phase, _ in seen]
    assert sorted(set(phases), key=phases.index) == [*PHASES, ""]
    assert len(seen) == len(set(seen)) > DOCUMENTS  # it never stood still, nor went back
    assert set(place.found()) == {
        ("blob-altered", f"blob {place.documents[2][1]}"),
        ("leaf-altered", "leaf 300"),
    }


def test_one_works_at_a_time_and_the_next_takes_over(place):
    with writing(place.engine) as session:
        begin(session, now=NOW)
    first, second = place.scrubber(items=1), place.scrubber(items=1)
    assert place.step(first)
    at = place.row().at
    assert not place.step(second)
    assert place.row().at == at
    place.now += 16
    assert place.step(second)
    assert place.row().at != at
    assert not place.step(first)
    second.stop()  # in order: it need not be waited for
    assert place.step(first)


def test_a_pass_begun_anew_forgets_what_was_under_way(place):
    scrubber = place.scrubber(items=1)
    with writing(place.engine) as session:
        first = begin(session, now=NOW)
    for _ in range(5):
        place.step(scrubber)
    before = place.row()
    with writing(place.engine) as session:
        assert begin(session, now=NOW) == first + 1
        assert begin(session, now=NOW, unless_after=first) == first + 1
    assert (place.row().phase, place.row().at, place.row().checked) == (PHASES[0], "", "{}")
    # What an older step brings is not kept.
    from api.kernel.scrub.worker import _Work

    scrubber._keep(before, _Work(), "blobs", "77")
    assert (place.row().phase, place.row().at) == (PHASES[0], "")


def test_a_pass_begins_by_itself_each_interval(place):
    scrubber = place.scrubber(interval=100)

    def passes() -> int:
        while scrubber.tick():
            pass
        return place.row().ended_number or 0

    assert passes() == 1
    place.now += 99
    assert passes() == 1
    place.now += 1
    assert passes() == 2
    place.now -= 90_000  # a clock that goes back does not stop it for good
    assert passes() == 3
    never = place.scrubber(interval=0)
    place.now += 1_000_000
    assert not never.tick()
    assert never.due(place.row()) is None


@pytest.mark.parametrize(("limits", "least"), [({"items": 100}, 6), ({"bytes_a_second": 100_000}, 4)])
def test_it_rests_as_long_as_its_limits_ask(place, limits, least):
    scrubber, rests = place.scrubber(**limits), []
    with writing(place.engine) as session:
        begin(session, now=NOW)
    while scrubber.tick():
        rests.append(scrubber._rest)
        scrubber._rest = 0.0
    assert place.row().phase == ""
    # 612 leaves, 13 rows, tiles and a head; or 12 ciphertexts of 40 kB: so many seconds at least.
    assert sum(rests) > least - 2
    assert max(rests) < 4


def test_no_step_holds_the_lock_while_it_looks(place, monkeypatch):
    """Another connection writes while ciphertexts are read."""
    scrubber, wrote = place.scrubber(), []
    examine = BlobStore.examine

    def meanwhile(self: BlobStore, blob: BlobId) -> Any:
        with writing(place.engine) as session:
            place.log.append(session, EVIDENCE, [evidence_entry(1, "x", secrets.token_bytes(32), bytes(32))])
        wrote.append(blob)
        return examine(self, blob)

    monkeypatch.setattr(BlobStore, "examine", meanwhile)
    assert place.pass_over(scrubber) == {}
    assert len(wrote) == DOCUMENTS


def test_a_document_erased_while_it_is_looked_at_is_not_missed(place, monkeypatch):
    digest, blob = place.documents[6]
    examine = BlobStore.examine

    def erased(self: BlobStore, name: BlobId) -> Any:
        if name == blob and place.file(blob).exists():
            place.sql("DELETE FROM documents WHERE digest = :digest", digest=digest)
            place.file(blob).unlink()
        return examine(self, name)

    monkeypatch.setattr(BlobStore, "examine", erased)
    assert place.pass_over() == {}


# Findings


def test_a_finding_keeps_its_beginning_until_it_is_cleared_and_opens_anew(place):
    blob = place.documents[3][1]
    flip(place.file(blob), 0)
    place.pass_over()
    place.now += 10
    place.pass_over()
    assert times(place) == [(NOW, NOW + 10, None)]
    flip(place.file(blob), 0)
    place.now += 10
    place.pass_over()
    assert times(place) == [(NOW, NOW + 10, NOW + 20)]
    flip(place.file(blob), 0)
    place.now += 10
    place.pass_over()
    assert times(place) == [(NOW + 30, NOW + 30, None)]
    flip(place.file(blob), 0)
    place.now += 10
    place.pass_over()
    place.now += 91 * 86_400
    assert place.pass_over() == {}


def times(place: Place) -> list[tuple[int, int, int | None]]:
    with reading(place.engine) as session:
        rows = findings.listed(session, cleared=True, start=0, limit=10)
    return [(row.first_seen, row.last_seen, row.cleared) for row in rows]


def test_every_code_has_its_meaning_in_both_languages():
    for meaning in findings.MEANINGS.values():
        assert meaning.en.isascii()
        assert any("\u4e00" <= character <= "\u9fff" for character in meaning.zh)
    assert findings.is_error("some-newer-code")
