"""What every request passes: a size limit, strict JSON, one log line, errors told as problems."""

from __future__ import annotations

import secrets
import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.kernel.problems import MEDIA_TYPE, TEXTS, language_of, problem
from api.kernel.routes.operations import Metrics
from chain.errors import LandbridgeError
from vault.errors import VaultError

__all__ = ["install"]

_LOG = structlog.get_logger("landbridge.http")
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]


def install(app: FastAPI, *, max_body: int) -> None:
    """Put everything in front of the application."""
    app.state.metrics = Metrics()
    app.add_exception_handler(LandbridgeError, _on_error)
    app.add_exception_handler(VaultError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(OperationalError, _on_database)
    app.add_exception_handler(Exception, _on_anything)
    app.add_middleware(_Boundary, max_body=max_body, metrics=app.state.metrics)


def _answer(request: Request, code: str, **members: Any) -> JSONResponse:
    language = language_of(request.headers.get("accept-language"))
    body = problem(code, language=language, **members)
    headers = {"content-language": language, "vary": "Accept-Language"}
    if body["status"] == 401:
        headers["www-authenticate"] = "Bearer"
    if body["status"] == 503:
        headers["retry-after"] = "5"
    return JSONResponse(body, body["status"], headers, media_type=MEDIA_TYPE)


async def _on_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LandbridgeError | VaultError)  # noqa: S101 - registered for it
    members: dict[str, Any] = {"detail": error.sentence, "params": error.params}
    findings = getattr(error, "findings", None)
    if findings:
        members["findings"] = [
            {"code": f.code, "severity": f.severity, "path": f.path, "en": f.en, "zh": f.zh}
            for f in findings[:200]
        ]
    if error.code not in TEXTS:
        _LOG.error("error without a text", code=error.code)
    return _answer(request, error.code, **members)


async def _on_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    findings = []
    for item in error.errors()[:50]:
        place = [str(part) for part in item["loc"]]
        where, path = place[0], "/" + "/".join(p.replace("~", "~0").replace("/", "~1") for p in place[1:])
        findings.append(
            {
                "code": item["type"].replace("_", "-"),
                "severity": "error",
                "path": path[:300],
                "en": f"{where}: {item['msg']}"[:300],
                "zh": f"{where}：该字段不符合要求",
            }
        )
    first = findings[0]
    return _answer(request, "request-malformed", detail=f"{first['path']}: {first['en']}", findings=findings)


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    code = {404: "not-found", 405: "method-not-allowed", 413: "request-too-large"}.get(
        error.status_code, "request-malformed" if error.status_code < 500 else "internal"
    )
    return _answer(request, code)


async def _on_database(request: Request, error: Exception) -> JSONResponse:
    _LOG.error("database", kind=type(getattr(error, "orig", error)).__name__)
    return _answer(request, "storage-full")


async def _on_anything(request: Request, error: Exception) -> JSONResponse:
    # The kind and place suffice to find it; the message might hold what a caller sent.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace else "?"
    _LOG.error("unexpected", kind=type(error).__name__, place=place)
    return _answer(request, "internal")


class _TooLargeError(LandbridgeError):
    code = "request-too-large"


class _Boundary:
    """Pure ASGI: the limit on bodies, the headers of every answer, the log line and the metrics."""

    def __init__(self, app: ASGIApp, *, max_body: int, metrics: Metrics) -> None:
        self._app = app
        self._max_body = max_body
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, identity, seen = time.perf_counter(), secrets.token_hex(8), _Seen()
        request = Request(scope)
        declared = request.headers.get("content-length", "0")
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max_body:
                raise _TooLargeError("the request's body is too large", params={"limit": self._max_body})
            return message

        async def noted(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    *_HEADERS,
                    (b"x-request-id", identity.encode()),
                ]
            await send(message)

        try:
            if not declared.isdecimal() or int(declared[:20]) > self._max_body:
                error = _TooLargeError("the request's body is too large", params={"limit": self._max_body})
                await (await _on_error(request, error))(scope, receive, noted)
            else:
                await self._app(scope, limited, noted)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            seconds = time.perf_counter() - began
            self._metrics.requests.labels(scope["method"], route, str(seen.status)).inc()
            self._metrics.seconds.labels(scope["method"], route).observe(seconds)
            _LOG.info(
                "request",
                id=identity,
                method=scope["method"],
                route=route,
                status=seen.status,
                ms=round(seconds * 1000, 1),
            )


class _Seen:
    status = 0
