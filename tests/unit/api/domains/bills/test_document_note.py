"""The identity of a note: spellings of one note meet, different notes do not; and the fingerprint's cost."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from argon2.low_level import Type, hash_secret_raw
from hypothesis import given
from hypothesis import strategies as st

from api.domains.bills.document import (
    NoteIdentity,
    NoteIdentityError,
    RailBill,
    identity_of,
    normalise,
    note_fingerprint,
    sample,
    sample_names,
)

VECTORS = Path(__file__).parents[4] / "vectors" / "bills"
NOTES: dict[str, Any] = json.loads((VECTORS / "notes.json").read_text(encoding="utf-8"))
SAMPLES: dict[str, Any] = json.loads((VECTORS / "samples.json").read_text(encoding="utf-8"))["samples"]


def normal(spelling: dict[str, str]) -> NoteIdentity:
    return normalise(
        spelling["railway"], spelling["country"], spelling["station"], spelling["number"], spelling["date"]
    )


@pytest.mark.parametrize("group", NOTES["groups"], ids=[group["name"] for group in NOTES["groups"]])
def test_spellings_of_one_note_are_one_identity(group: dict[str, Any]) -> None:
    wanted = NoteIdentity(**group["identity"])
    assert {normal(spelling) for spelling in group["spellings"]} == {wanted}
    assert note_fingerprint(wanted).hex() == group["fingerprint"]


def test_different_notes_differ() -> None:
    prints = [group["fingerprint"] for group in NOTES["groups"]]
    assert len(set(prints)) == len(prints)


@pytest.mark.parametrize("case", NOTES["refused"], ids=[case["name"] for case in NOTES["refused"]])
def test_what_has_no_normal_form_is_refused_by_its_field(case: dict[str, str]) -> None:
    with pytest.raises(NoteIdentityError) as caught:
        normal(case)
    assert caught.value.params == {"field": case["field"]}


@pytest.mark.parametrize("name", sample_names())
def test_the_samples_have_the_fingerprints_of_the_vectors(name: str) -> None:
    identity = identity_of(RailBill.model_validate(sample(name)).note)
    assert identity == NoteIdentity(**SAMPLES[name]["identity"])
    assert note_fingerprint(identity).hex() == SAMPLES[name]["fingerprint"]


def test_the_parameters_are_the_public_ones() -> None:
    """Whoever has the document's description alone computes the same."""
    secret = (
        b'{"date":"2026-09-21","format":"landbridge/note/1","number":"31806427",'
        b'"railway":"0027","station":"2769000"}'
    )
    salt = hashlib.sha256(b"landbridge/note-fingerprint/1").digest()[:16]
    wanted = hash_secret_raw(secret, salt, 3, 65_536, 1, 32, Type.ID, 19)
    assert note_fingerprint(NoteIdentity("0027", "2769000", "31806427", "2026-09-21")) == wanted


def test_the_regime_is_no_part_of_the_identity() -> None:
    value = sample("astana-chengdu")
    one = identity_of(RailBill.model_validate(value).note)
    value["note"]["regime"] = "CIM/SMGS"
    assert identity_of(RailBill.model_validate(value).note) == one


def test_a_day_may_be_given_as_a_day() -> None:
    assert normalise("27", "KZ", "690002", "1", date(2026, 9, 21)).date == "2026-09-21"


@given(
    st.integers(1, 10**12),
    st.text(" -./_–", max_size=3),
    st.integers(0, 3),
    st.dates(date(2000, 1, 1), date(2199, 12, 31)),
    st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%Y年%m月%d日"]),
)
def test_signs_zeros_and_date_forms_never_matter(
    number: int, signs: str, zeros: int, day: date, form: str
) -> None:
    plain = normalise("27", "KZ", "690002", str(number), day)
    digits = "0" * zeros + str(number)
    written = digits[:2] + signs + digits[2:]
    wide = "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in written)
    assert normalise("0027", "kz", "2769000", wide, day.strftime(form)) == plain


@given(st.text(max_size=12), st.integers(0, 4))
def test_any_text_in_any_part_has_a_normal_form_or_a_named_refusal(text: str, place: int) -> None:
    parts = ["27", "KZ", "690002", "31806427", "2026-09-21"]
    parts[place] = text
    fields = ["railway", "station", "station", "number", "date"]
    refusal: dict[str, str | int] = {"field": fields[place]}
    try:
        identity = normalise(*parts)
    except NoteIdentityError as error:
        refusal = error.params
    else:
        assert (identity.railway + identity.station + identity.number + identity.date).isascii()
    assert refusal == {"field": fields[place]}
