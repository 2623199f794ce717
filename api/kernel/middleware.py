"""What every request passes: a size limit, strict JSON, one log line, errors told as problems.

Routes that are called thousands of times a second (``at_once``) are answered here: the framework's own way to
them takes longer than they do. They stand among its routes too, for its description of the API.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Final, TypeAlias

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.kernel.known import Known
from api.kernel.problems import MEDIA_TYPE, TEXTS, language_of, problem
from api.kernel.routes.operations import Metrics, storage_code
from api.kernel.transaction import AT_ONCE
from chain.canonical import pointer
from chain.errors import LandbridgeError
from vault.errors import VaultError

__all__ = ["AtOnce", "install"]

AtOnce: TypeAlias = Mapping[tuple[str, str], Callable[[Request], Awaitable[Response]]]
"""Routes answered before the framework's own, by method and path."""

_LOG = structlog.get_logger("landbridge.http")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]


def install(app: FastAPI, *, max_body: int, at_once: AtOnce) -> None:
    """Put everything in front of the application."""
    app.state.metrics = Metrics()
    app.state.known = Known()
    app.state.gate = asyncio.Semaphore(AT_ONCE)
    app.add_exception_handler(LandbridgeError, _on_error)
    app.add_exception_handler(VaultError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(SQLAlchemyError, _on_database)
    app.add_middleware(_Boundary, max_body=max_body, metrics=app.state.metrics, at_once=at_once)


def _answer(
    request: Request, code: str, further: Mapping[str, str] | None = None, **members: Any
) -> JSONResponse:
    language = language_of(request.headers.get("accept-language"))
    body = problem(code, language=language, **members)
    headers = {"content-language": language, "vary": "Accept-Language", **(further or {})}
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
    code = "storage-full" if _disk_is_full(error) else error.code
    if code not in TEXTS:
        _LOG.error("error without a text", code=code)
    return _answer(request, code, **members)


async def _on_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    findings = []
    for item in error.errors()[:50]:
        where, *place = item["loc"]
        if where == "body":
            place = _place(error.body, place, missing=item["type"] == "missing")
        findings.append(
            {
                "code": item["type"].replace("_", "-"),
                "severity": "error",
                "path": pointer(place)[:300],
                "en": f"{where}: {item['msg']}"[:300],
                "zh": f"{where}：该字段不符合要求",
            }
        )
    first = findings[0]
    detail = f"{first['path'] or 'the whole'}: {first['en']}"
    return _answer(request, "request-malformed", detail=detail, findings=findings)


def _place(body: Any, steps: Sequence[str | int], *, missing: bool) -> list[str | int]:
    """The steps that lead through the body: where a member may have several shapes, the framework puts the
    name of the shape among them."""
    place: list[str | int] = []
    for number, step in enumerate(steps):
        known = isinstance(body, dict) and step in body
        known |= isinstance(body, list) and isinstance(step, int) and 0 <= step < len(body)
        if known:
            body = body[step]
        if known or (missing and number == len(steps) - 1):
            place.append(step)
    return place


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    code = {404: "not-found", 405: "method-not-allowed", 413: "request-too-large"}.get(
        error.status_code, "request-malformed" if error.status_code < 500 else "internal"
    )
    return _answer(request, code, error.headers)  # a refused method's names those allowed (RFC 9110, 15.5.6)


async def _on_database(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, OperationalError | InterfaceError | PoolTimeoutError):
        return await _on_anything(request, error)  # a defect of ours: the database is well
    _LOG.error("database", kind=type(getattr(error, "orig", error)).__name__)
    return _answer(request, storage_code(error))


def _disk_is_full(error: BaseException | None) -> bool:
    """Whether that is what lies beneath an error, whatever part of the house wrote."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__
    return False


async def _on_anything(request: Request, error: Exception) -> JSONResponse:
    if _disk_is_full(error):
        return _answer(request, "storage-full")
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

    def __init__(self, app: ASGIApp, *, max_body: int, metrics: Metrics, at_once: AtOnce) -> None:
        self._app = app
        self._at_once = at_once
        self._max_body = max_body
        self._metrics = metrics
        # A request's id only has to be told from others in the log: random for the process, then counted.
        self._name, self._count = secrets.token_hex(4), itertools.count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, identity, seen = time.perf_counter(), f"{self._name}{next(self._count):08x}", _Seen()
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

        request = Request(scope, limited)
        declared = request.headers.get("content-length", "0")
        endpoint = self._at_once.get((scope["method"], scope["path"]))
        try:
            if not declared.isdecimal() or int(declared[:20]) > self._max_body:
                error = _TooLargeError("the request's body is too large", params={"limit": self._max_body})
                await (await _on_error(request, error))(scope, receive, noted)
            elif endpoint is not None:
                await (await _answered(endpoint, request))(scope, receive, noted)
            else:
                await self._app(scope, limited, noted)
        except ClientDisconnect:
            pass  # nobody is left to be told
        except Exception as error:
            # Nothing may pass: the server would write the whole trace, with what it holds, into its log.
            answer = await _on_anything(request, error)
            if not seen.status:
                await answer(scope, receive, noted)
        finally:
            route = _route(scope) if endpoint is None else scope["path"]
            seconds = time.perf_counter() - began
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, route, str(seen.status)).inc()
            self._metrics.seconds.labels(method, route).observe(seconds)
            _LOG.info(
                "request",
                id=identity,
                method=method,
                route=route,
                status=seen.status,
                ms=round(seconds * 1000, 1),
            )


async def _answered(endpoint: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
    try:
        return await endpoint(request)
    except LandbridgeError as error:
        return await _on_error(request, error)
    except RequestValidationError as error:
        return await _on_validation(request, error)
    except SQLAlchemyError as error:
        return await _on_database(request, error)


def _route(scope: Scope) -> str:
    """The route's own pattern: never the path, which may hold anything."""
    included = scope.get("fastapi", {}).get("effective_route_context")
    return getattr(included or scope.get("route"), "path", None) or "none"


class _Seen:
    status = 0
