"""The JSON Schema (2020-12) of the bill's form, made from the models and kept in the repository.

It says what the form is, not whether a bill makes sense. `x-titles` carries the titles in Chinese and English
and the box numbers, by pointer pattern, for programs that are not written in Python.

Write the committed file anew with::

    python -c "from api.domains.bills.document.schema import write_schema; write_schema()"
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from api.domains.bills.document.form import FORMAT, RailBill
from api.domains.bills.document.titles import TITLES

__all__ = ["SCHEMA_ID", "SCHEMA_PATH", "json_schema", "schema_text", "write_schema"]

SCHEMA_ID: Final = "urn:landbridge:schema:rail-bill:1"
SCHEMA_PATH: Final = Path(__file__).parents[1] / "schemas" / "rail-bill-1.json"


def json_schema() -> dict[str, Any]:
    """Make the JSON Schema of the form."""
    body = _plain(RailBill.model_json_schema(mode="validation"))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": FORMAT,
        "description": "A railway bill of lading over a CIM, SMGS or CIM/SMGS consignment note. Text is in "
        "Unicode normal form C without invisible characters; fields that do not apply are left out.",
        **{key: part for key, part in body.items() if key not in ("title", "description")},
        "x-titles": {
            pattern: {key: part for key, part in one._asdict().items() if part is not None}
            for pattern, one in TITLES.items()
        },
    }


def schema_text() -> str:
    """Give the text of the committed file."""
    return json.dumps(json_schema(), ensure_ascii=False, indent=1) + "\n"


def write_schema() -> None:
    """Write the committed file anew, in a working copy."""
    SCHEMA_PATH.write_text(schema_text(), encoding="utf-8")


def _plain(node: Any) -> Any:
    """Drop what the models say and the form does not: null, defaults, titles made from names."""
    if isinstance(node, list):
        return [_plain(child) for child in node]
    if not isinstance(node, dict):
        return node
    kept = {key: child for key, child in node.items() if key != "default" and not _is_made_title(key, child)}
    choices = kept.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        (only,) = [choice for choice in choices if choice != {"type": "null"}]
        kept = {**{key: child for key, child in kept.items() if key != "anyOf"}, **only}
    return {key: _plain(child) for key, child in kept.items()}


def _is_made_title(key: str, child: Any) -> bool:
    # A field named "title" has an object here, not a text.
    return key == "title" and isinstance(child, str)
