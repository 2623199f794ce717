"""The document of a railway bill of lading: its form, its sense, its note's fingerprint.

>>> from api.domains.bills.document import check_bytes
>>> check_bytes(b"{").findings[0].code
'json-truncated'
"""

from __future__ import annotations

from api.domains.bills.document.clauses import standard_clauses
from api.domains.bills.document.findings import DocumentRefusedError, Finding, Report
from api.domains.bills.document.form import FORMAT, RailBill
from api.domains.bills.document.note import (
    NoteIdentity,
    NoteIdentityError,
    identity_of,
    normalise,
    note_fingerprint,
)
from api.domains.bills.document.occupancy import Units, units
from api.domains.bills.document.reading import check_bytes, check_value
from api.domains.bills.document.samples import fill, sample, sample_names
from api.domains.bills.document.schema import SCHEMA_ID, json_schema
from api.domains.bills.document.titles import TITLES, Title, title

__all__ = [
    "FORMAT",
    "SCHEMA_ID",
    "TITLES",
    "DocumentRefusedError",
    "Finding",
    "NoteIdentity",
    "NoteIdentityError",
    "RailBill",
    "Report",
    "Title",
    "Units",
    "check_bytes",
    "check_value",
    "fill",
    "identity_of",
    "json_schema",
    "normalise",
    "note_fingerprint",
    "sample",
    "sample_names",
    "standard_clauses",
    "title",
    "units",
]
