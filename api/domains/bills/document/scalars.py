"""The small values that a bill is made of: text, decimals in strings, dates, codes.

Every value has one spelling, so that one bill has one digest: decimals have no sign, no leading zero and no
exponent; dates are ISO 8601 calendar dates; text has no outer blanks. What a value *means* (is there such a
currency, does the check digit hold) is asked in the sense checks; here only its form.

>>> from pydantic import TypeAdapter
>>> TypeAdapter(Mass).validate_python("26500.500")
'26500.500'
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictInt, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

__all__ = [
    "DATE_PATTERN",
    "Amount",
    "BillNumber",
    "CompanyCode",
    "ContainerNumber",
    "Count",
    "Country",
    "Currency",
    "Day",
    "Goods6",
    "Goods8",
    "LineNumber",
    "LongText",
    "Mass",
    "NoteNumber",
    "PartyNumber",
    "RailwayCode",
    "StationCode",
    "Text",
    "UnitNumber",
    "WagonNumber",
    "as_day",
]

DATE_PATTERN = r"^2[01][0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
_DATE = re.compile(DATE_PATTERN)
_SIGNED = re.compile(r"[-+−]\s*[0-9]")

# A mass of a million tonnes and an amount of a thousand million million are typing errors, not trade.
_MASS_WHOLE, _MASS_PLACES = 9, 3
_AMOUNT_WHOLE, _AMOUNT_PLACES = 15, 4


def _decimal(whole: int, places: int, *, zero: bool) -> Callable[[Any], str]:
    exact = re.compile(rf"(0|[1-9][0-9]*)(\.[0-9]{{1,{places}}})?")

    def check(value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            raise PydanticCustomError("decimal-not-string", "number instead of a decimal in a string")
        if not isinstance(value, str):
            raise PydanticCustomError("field-type", "not a string")
        if _SIGNED.match(value):
            raise PydanticCustomError("decimal-negative", "signed decimal")
        found = exact.fullmatch(value)
        if found is None:
            raise PydanticCustomError("decimal-form", "not a plain decimal")
        if len(found.group(1)) > whole:
            raise PydanticCustomError("decimal-absurd", "too large")
        if not zero and not value.strip("0."):
            raise PydanticCustomError("decimal-zero", "zero")
        return value

    return check


def _decimal_schema(whole: int, places: int) -> dict[str, Any]:
    return {"type": "string", "pattern": rf"^(0|[1-9][0-9]{{0,{whole - 1}}})(\.[0-9]{{1,{places}}})?$"}


def _day(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("field-type", "not a string")
    if not _DATE.match(value):
        raise PydanticCustomError("date-form", "not an ISO date")
    try:
        date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("date-form", "no such day") from None
    return value


def as_day(value: str) -> date:
    """Give the calendar day of a `Day` that was already checked."""
    return date.fromisoformat(value)


def _text(longest: int) -> StringConstraints:
    # The first and last characters are no blanks; RFC 8785 keeps them, so they would make a second spelling.
    return StringConstraints(min_length=1, max_length=longest, pattern=r"^\S(.*\S)?$")


Mass = Annotated[
    str,
    BeforeValidator(_decimal(_MASS_WHOLE, _MASS_PLACES, zero=False)),
    WithJsonSchema(_decimal_schema(_MASS_WHOLE, _MASS_PLACES)),
]
"""Kilograms, above zero, at most three decimals."""
Amount = Annotated[
    str,
    BeforeValidator(_decimal(_AMOUNT_WHOLE, _AMOUNT_PLACES, zero=True)),
    WithJsonSchema(_decimal_schema(_AMOUNT_WHOLE, _AMOUNT_PLACES)),
]
"""Units of the currency beside it; its own number of decimals is a sense check."""
Day = Annotated[
    str, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date", "pattern": DATE_PATTERN})
]
"""A calendar day, ISO 8601, in the years 2000 to 2199."""

Text = Annotated[str, _text(300)]
LongText = Annotated[str, _text(3000)]
Count = Annotated[StrictInt, Field(ge=0, le=10_000_000)]
LineNumber = Annotated[StrictInt, Field(ge=1, le=9_999)]
PartyNumber = Annotated[StrictInt, Field(ge=1, le=2**32 - 1)]
"""A party's number in the registry (the contract's uint32)."""

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
StationCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{6,8}$")]
RailwayCode = Annotated[str, StringConstraints(pattern=r"^([0-9]{2}|[0-9A-Z]{4})$")]
"""Two digits of a railway administration or four characters of a company code (UIC/OSJD leaflet 920-1)."""
CompanyCode = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{4}$")]
WagonNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{7,12}$")]
ContainerNumber = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}[UJZ][0-9]{7}$")]
UnitNumber = Annotated[str, StringConstraints(pattern=r"^([0-9]{7,12}|[A-Z]{3}[UJZ][0-9]{7})$")]
Goods6 = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
Goods8 = Annotated[str, StringConstraints(pattern=r"^[0-9]{8}$")]
BillNumber = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9/-]{2,33}[A-Z0-9]$")]
NoteNumber = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]([0-9A-Z ./-]{0,22}[0-9A-Z])?$")]
"""The note's number as printed on it; how spellings are made one is told in `note`."""
