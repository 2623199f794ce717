"""The identity of a consignment note, made one, and its fingerprint.

One note is written in many ways: with blanks, dashes or full-width digits, in lower case, with or without
leading zeros, the date in another form, the station with or without its check digit. `normalise` maps the
spellings of one note to one identity; `note_fingerprint` is Argon2id (RFC 9106) over it. Anyone who holds the
document recomputes the fingerprint; who does not must pay 64 MiB of memory for each guess.

What normalises:

- railway: a two-digit administration code `NN` is the company code `00NN` (UIC/OSJD leaflet 920-1);
- station: UIC country code and five digits, from six digits (five and a check digit) with the country, from
  seven, or from eight (with a check digit);
- number: NFKC, upper case; blanks, dashes, dots, slashes and underscores dropped; leading zeros dropped. Only
  0–9 and A–Z remain: a Cyrillic or Greek look-alike is refused, not guessed;
- date: YYYY-MM-DD, YYYY/MM/DD, YYYY.MM.DD, YYYYMMDD, DD.MM.YYYY, YYYY年M月D日. Nothing with an unclear order.

The regime is no part of it, for one note called once SMGS and once CIM/SMGS is still one note.

>>> normalise("27", "KZ", "690002", "００12-345 678", "2026/09/21").number
'12345678'
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final

from argon2.low_level import Type, hash_secret_raw

from api.domains.bills.document.codes import UIC_COUNTRY
from api.domains.bills.document.form import Note
from chain.canonical import canonical
from chain.errors import LandbridgeError

__all__ = [
    "ARGON2_LANES",
    "ARGON2_MEMORY_KIB",
    "ARGON2_PASSES",
    "NoteIdentity",
    "NoteIdentityError",
    "identity_of",
    "normalise",
    "note_fingerprint",
    "railway_of",
    "station_of",
]

ARGON2_PASSES: Final = 3
ARGON2_MEMORY_KIB: Final = 65_536
ARGON2_LANES: Final = 1
_ARGON2_VERSION: Final = 19
_SALT: Final = hashlib.sha256(b"landbridge/note-fingerprint/1").digest()[:16]
_FORMAT: Final = "landbridge/note/1"

_DROPPED = re.compile(r"[\s\-./_\u2010-\u2015\u2212]+")
_NUMBER = re.compile(r"[0-9A-Z]{1,24}")
_YEAR_FIRST = re.compile(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{2})\.(\d{2})\.(\d{4})", re.ASCII)
_CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日", re.ASCII)


class NoteIdentityError(LandbridgeError):
    """A part of a note's identity has no normal form; params: ``field``."""

    code: ClassVar[str] = "note-identity"


@dataclass(frozen=True, slots=True)
class NoteIdentity:
    """A note's identity in its normal form; make it with `normalise` or `identity_of`.

    :param railway: company code, four characters
    :param station: UIC country code and five digits
    :param number: 0–9 and A–Z, no leading zero
    :param date: ISO 8601
    """

    railway: str
    station: str
    number: str
    date: str


def normalise(railway: str, country: str, station: str, number: str, day: str | date) -> NoteIdentity:
    """Bring a note's identity, however it is written, to its normal form.

    :param railway: of the note: administration code (2 digits) or company code (4 characters)
    :param country: of the station of departure, ISO 3166-1 alpha-2
    :param station: code of the station of departure
    :param number: the note's number as printed
    :param day: the note's date
    :raises NoteIdentityError: a part has no normal form
    """
    return NoteIdentity(railway_of(railway), station_of(station, country), _number(number), _date(day))


def identity_of(note: Note) -> NoteIdentity:
    """Give the normal identity of the note that a bill names.

    :raises NoteIdentityError: a part has no normal form
    """
    return normalise(note.railway, note.country, note.station, note.number, note.date)


def note_fingerprint(identity: NoteIdentity) -> bytes:
    """Compute the 32-byte fingerprint of a note: Argon2id, version 19, 3 passes over 64 MiB, one lane.

    The secret is the RFC 8785 form of {"date","format","number","railway","station"}; the salt is the first
    16 bytes of SHA-256("landbridge/note-fingerprint/1"). It takes about 0.1 to 0.2 s and 64 MiB on one core
    and lets go of the interpreter's lock: the caller bounds how many run at once.
    """
    secret = canonical(
        {
            "format": _FORMAT,
            "railway": identity.railway,
            "station": identity.station,
            "number": identity.number,
            "date": identity.date,
        }
    )
    return hash_secret_raw(
        secret=secret,
        salt=_SALT,
        time_cost=ARGON2_PASSES,
        memory_cost=ARGON2_MEMORY_KIB,
        parallelism=ARGON2_LANES,
        hash_len=32,
        type=Type.ID,
        version=_ARGON2_VERSION,
    )


def railway_of(railway: str) -> str:
    """Give the four-character company code of a railway.

    :raises NoteIdentityError: neither two digits nor four characters
    """
    code = _plain(railway)
    if re.fullmatch(r"[0-9]{2}", code):
        return "00" + code
    if re.fullmatch(r"[0-9A-Z]{4}", code):
        return code
    raise NoteIdentityError(
        "The railway's code is neither two digits nor four characters.", params={"field": "railway"}
    )


def station_of(station: str, country: str) -> str:
    """Give a station as UIC country code and five digits.

    :raises NoteIdentityError: the code and the country do not make one
    """
    code = _plain(station)
    if re.fullmatch(r"[0-9]{6}", code):
        wanted = country.strip().upper()
        # Bosnia has three administrations in the list; the first in use today is 49.
        uic = {"BA": "49"}.get(wanted) or next(
            (uic for uic, iso in UIC_COUNTRY.items() if iso == wanted), None
        )
        if uic is not None:
            return uic + code[:5]
    elif re.fullmatch(r"[0-9]{7,8}", code) and UIC_COUNTRY.get(code[:2]) == country.strip().upper():
        return code[:7]
    raise NoteIdentityError("The station's code and country do not agree.", params={"field": "station"})


def _plain(text: str) -> str:
    plain = _DROPPED.sub("", unicodedata.normalize("NFKC", text))
    # Upper case only within ASCII: elsewhere it maps strangers onto Latin letters (a dotless i onto I).
    return plain.upper() if plain.isascii() else plain


def _number(text: str) -> str:
    number = _plain(text)
    if not _NUMBER.fullmatch(number):
        raise NoteIdentityError(
            "The note's number is empty, too long, or holds other than digits and Latin letters.",
            params={"field": "number"},
        )
    significant = number.lstrip("0")
    if not significant:
        raise NoteIdentityError("The note's number is only zeros.", params={"field": "number"})
    return significant


def _date(day: str | date) -> str:
    if isinstance(day, date):
        return day.isoformat()[:10]
    text = unicodedata.normalize("NFKC", day).replace(" ", "")
    parts: tuple[str, ...] | None = None
    if found := _YEAR_FIRST.fullmatch(text):
        parts = found.group(1, 3, 4)
    elif found := _DAY_FIRST.fullmatch(text):
        parts = found.group(3, 2, 1)
    elif found := _CHINESE.fullmatch(text):
        parts = found.group(1, 2, 3)
    if parts is not None:
        try:
            return date(*map(int, parts)).isoformat()
        except ValueError:
            pass
    raise NoteIdentityError("The note's date is no day in a form that is clear.", params={"field": "date"})
