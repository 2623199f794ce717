"""The published description of the API, made whole: what the framework cannot know of it by itself.

- Errors are ``application/problem+json`` (RFC 9457).
- Every unsafe request may carry an Idempotency-Key, every request an Accept-Language.
- The example of a document is one that the gateway takes.

>>> publish(app, kinds=[])  # doctest: +SKIP
>>> app.openapi()["paths"]  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from fastapi import FastAPI

from api.kernel.problems import MEDIA_TYPE
from api.kernel.room import DocumentType
from api.kernel.schemas import EvidenceIn, InclusionIn

__all__ = ["publish"]

_PROBLEM: Final = "#/components/schemas/Problem"
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "the same key with the same request again gets the first answer and does nothing more",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
    "example": "5f0c6e9a-2d4b-4c7e-9f53-1b7a2f0e8d11",
}
_LANGUAGE: Final = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "description": "the language of errors: Chinese or English",
    "schema": {"type": "string"},
    "example": "zh-CN",
}


def publish(app: FastAPI, kinds: Iterable[DocumentType]) -> None:
    """Let the application describe itself wholly.

    :param kinds: the kinds of document that it takes
    """
    plain, known = app.openapi, list(kinds)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = plain()
            for path, method, operation in _operations(schema):
                _tell_problems(operation)
                if path.startswith("/v1/") and operation.get("security"):
                    unsafe = [_KEY] if method != "get" else []
                    operation.setdefault("parameters", []).extend([*unsafe, _LANGUAGE])
            for shape in (EvidenceIn, InclusionIn):  # read by their routes themselves
                schema["components"]["schemas"][shape.__name__] = shape.model_json_schema()
            taken = schema["components"]["schemas"]["DocumentIn"]
            taken["examples"] = [{"document": kind.example(), "readers": [3]} for kind in known]
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]


def _operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _tell_problems(operation: dict[str, Any]) -> None:
    for answer in operation["responses"].values():
        content = answer.get("content", {})
        if content.get("application/json", {}).get("schema", {}).get("$ref") == _PROBLEM:
            content[MEDIA_TYPE] = content.pop("application/json")
