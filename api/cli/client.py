"""The gateway's API as typed calls over HTTP.

- Every unsafe request carries an Idempotency-Key. When the connection breaks, it is sent once more with the
  same key: it takes effect once whichever of the two arrived.
- A problem (RFC 9457) is raised as :class:`~api.cli.errors.RefusedError`; no connection, or an answer that is
  not this API's, as :class:`~api.cli.errors.CliError`.

>>> gateway = Gateway("http://127.0.0.1:8600", token, lang="en")  # doctest: +SKIP
>>> gateway.registry()["chain_id"]  # doctest: +SKIP
20777
"""

from __future__ import annotations

import ipaddress
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict, cast
from urllib.parse import urlsplit

import httpx
from pydantic_core import from_json

from api.cli.errors import CliError, ExitCode, RefusedError

__all__ = ["Approval", "Bill", "Gateway", "Intent", "PartyView", "Prepared", "Registry", "Stored", "Verdict"]

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 60.0
_WAIT_SECONDS = 30
_LARGEST_ANSWER = 64 << 20
_SETTLED = ("mined", "done", "refused", "expired")


class Registry(TypedDict):
    """Which chain and contracts a gateway serves."""

    chain_id: int
    parties: str
    bills: str
    administrator: str
    head: int
    embedded: bool


class Prepared(TypedDict):
    """An act to be signed."""

    room: str
    digest: str
    typed_data: dict[str, Any]


class Intent(TypedDict):
    """An act on its way, or where it arrived."""

    id: str
    room: str
    act: str
    subject: str
    status: Literal["pending", "sent", "mined", "done", "refused", "expired"]
    reason: str | None
    block: int | None
    transaction: str | None
    gas_used: int | None
    batch: int | None
    deadline: int


class PartyView(TypedDict):
    """A party."""

    party: int
    name: str | None
    name_zh: str | None
    country: str | None
    profile: str
    reader_key: str | None
    rulebook: str
    admitted: int
    suspended: bool
    keys: list[dict[str, Any]]
    roles: list[dict[str, Any]]


class Stored(TypedDict):
    """A stored document."""

    digest: str
    format: str
    findings: list[dict[str, Any]]
    facts: dict[str, Any]


class Bill(TypedDict):
    """A bill as it stands."""

    bill: str
    state: str
    live: bool
    sequence: int
    version: int
    to_order: bool
    issuer: int
    holder: int
    offeree: int | None
    offer_expiry: int | None
    note: str
    block: int
    open_acts: list[str]


class Approval(TypedDict):
    """A request that waits for sign-offs, or where it ended."""

    id: str
    status: str
    reason: str | None
    kind: str
    room: str | None
    act: str | None
    digest: str
    typed_data: dict[str, Any] | None
    rule: dict[str, Any] | None
    token: dict[str, Any] | None
    people: int
    behind: int
    expires: int
    sign_offs: list[dict[str, Any]]
    signature: str | None
    intent: Intent | None


class Verdict(TypedDict):
    """A verdict and all it rests on."""

    bill: str
    verdict: Literal["pass", "fail"]
    reasons: list[str]
    policy: dict[str, Any]
    checks: list[dict[str, Any]]
    time: int
    format: NotRequired[str]


class Gateway:
    """One gateway, as one token may use it.

    :param url: its address, without a path
    :param token: the API token; some calls need none
    :param lang: ``en`` or ``zh``, the language of what it tells
    """

    def __init__(self, url: str, token: str | None, *, lang: str = "en") -> None:
        self.url = _address(url)
        self.token = token
        headers = {"accept-language": lang, "accept": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        self._client = httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
            # a proxy of the environment never stands between this machine and itself
            trust_env=not _is_loopback(self.url),
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    # The registry and the gateway itself

    def registry(self) -> Registry:
        """Which chain and contracts it serves."""
        return cast(Registry, self.get("/v1/registry"))

    def ready(self) -> dict[str, Any]:
        """How its parts are; one that is not well is no error here."""
        return cast(dict[str, Any], self._call("GET", "/ready", takes=(200, 503)))

    # Parties and tokens

    def parties(self) -> list[PartyView]:
        """All admitted parties."""
        found: list[PartyView] = []
        while True:
            page = self.get("/v1/parties", after=found[-1]["party"] if found else 0, limit=200)
            found += page
            if len(page) < 200:
                return found

    def party(self, number: int) -> PartyView:
        """One party."""
        return cast(PartyView, self.get(f"/v1/parties/{number}"))

    def party_of_profile(self, profile: str) -> PartyView | None:
        """The party that was admitted under a profile's digest."""
        found = self.get("/v1/parties", profile=profile)
        return cast(PartyView, found[0]) if found else None

    def tokens(self) -> list[dict[str, Any]]:
        """The tokens of the caller's party; the operator's own for the operator."""
        return cast(list[dict[str, Any]], self.get("/v1/tokens"))

    # Documents

    def store(self, document: Mapping[str, Any], readers: Sequence[int]) -> Stored:
        """Have a document checked, digested and sealed to its readers."""
        return cast(Stored, self.post("/v1/documents", {"document": document, "readers": list(readers)}))

    def open(self, digest: str) -> dict[str, Any]:
        """A document and its seed, opened with the caller's entrusted key."""
        return cast(dict[str, Any], self.get(f"/v1/documents/{digest}"))

    def sealed(self, digest: str) -> dict[str, Any]:
        """A document sealed, with its key wrapped to the caller's own reader key."""
        return cast(dict[str, Any], self.get(f"/v1/documents/{digest}/sealed"))

    def show(self, digest: str, party: int, wrap: bytes | None = None) -> None:
        """Let another party read a document."""
        body: dict[str, Any] = {"party": party}
        if wrap is not None:
            body["wrap"] = wrap.hex()
        self.post(f"/v1/documents/{digest}/readers", body)

    # Acts

    def prepare(
        self, room: str, act: str, subject: str | int, fields: Mapping[str, Any], deadline: int | None = None
    ) -> Prepared:
        """An act, ready to be signed."""
        return cast(Prepared, self.post("/v1/intents/prepare", _wish(room, act, subject, fields, deadline)))

    def sign(
        self,
        room: str,
        act: str,
        subject: str | int,
        fields: Mapping[str, Any],
        deadline: int | None = None,
        *,
        cosignatures: Sequence[str] = (),
        wait: bool = True,
    ) -> Intent:
        """Have the caller's entrusted key sign an act, and see it through."""
        body = _wish(room, act, subject, fields, deadline) | {"cosignatures": list(cosignatures)}
        return self.act("/v1/intents/sign", body, wait=wait)

    def cosign(self, room: str, act: str, message: Mapping[str, Any]) -> str:
        """The signature of the caller's entrusted key under an act that another signs first."""
        body = {"room": room, "act": act, "message": dict(message), "signatures": ["0x" + "00" * 65]}
        answer = self.post("/v1/intents/cosign", body)
        _refuse_waiting(answer)
        return str(answer["signature"])

    def submit(
        self, room: str, act: str, message: Mapping[str, Any], signatures: Sequence[str], *, wait: bool = True
    ) -> Intent:
        """Hand in a signed act, and see it through."""
        body = {"room": room, "act": act, "message": dict(message), "signatures": list(signatures)}
        return self.act("/v1/intents", body, wait=wait)

    def intent(self, digest: str, wait: int = 0) -> Intent:
        """Where an act stands, waiting so many seconds for it to be mined."""
        return cast(Intent, self.get(f"/v1/intents/{digest}", wait=wait))

    def act(self, path: str, body: Any = None, *, method: str = "POST", wait: bool = True) -> Intent:
        """An unsafe request that is answered by an act; with ``wait``, seen through to its end.

        :raises RefusedError: the chain refused the act, or it expired
        :raises CliError: it was taken and is not mined yet, or waits for sign-offs
        """
        answer = cast(Intent, self._call(method, path, body=body, wait=_WAIT_SECONDS if wait else 0))
        _refuse_waiting(answer)
        if wait and answer["status"] not in _SETTLED:
            answer = self.intent(answer["id"], _WAIT_SECONDS)
        if wait and answer["status"] not in _SETTLED:
            raise CliError("act-pending", ExitCode.UNREACHABLE, id=answer["id"], status=answer["status"])
        if answer["status"] == "refused":
            code = answer["reason"] or "refused-by-chain"
            raise RefusedError({"code": code, "detail": code, "params": {"id": answer["id"]}})
        if answer["status"] == "expired":
            raise RefusedError(
                {"code": "intent-expired", "detail": "intent-expired", "params": {"id": answer["id"]}}
            )
        return answer

    # Bills

    def bills(self, state: str | None = None) -> list[Bill]:
        """All bills that the caller may see."""
        found: list[Bill] = []
        while True:
            query: dict[str, Any] = {"limit": 200}
            query |= {"state": state} if state else {}
            query |= {"after": found[-1]["bill"]} if found else {}
            page = self.get("/v1/bills", **query)
            found += page
            if len(page) < 200:
                return found

    def bill(self, bill: str) -> Bill:
        """One bill."""
        return cast(Bill, self.get(f"/v1/bills/{bill}"))

    def history(self, bill: str) -> list[dict[str, Any]]:
        """What happened to a bill."""
        return cast(list[dict[str, Any]], self.get(f"/v1/bills/{bill}/history"))

    def verify(self, body: Mapping[str, Any]) -> Verdict:
        """The verdict on a bill."""
        return cast(Verdict, self.post("/v1/bills/verify", body))

    def bundle(self, bill: str, body: Mapping[str, Any]) -> bytes:
        """A bill's proof bundle: the file, to the byte."""
        raw: bytes = self._call("POST", f"/v1/bills/{bill}/bundle", body=body, raw=True)
        return raw

    def paper(self, bill: str, body: Mapping[str, Any]) -> bytes:
        """A bill as paper: the PDF, to the byte."""
        raw: bytes = self._call("POST", f"/v1/bills/{bill}/paper", body=body, raw=True)
        return raw

    # Four eyes

    def approvals(self, status: str | None = None) -> list[Approval]:
        """All requests of the caller's party."""
        found: list[Approval] = []
        while True:
            query: dict[str, Any] = {"limit": 200, "after": found[-1]["id"] if found else ""}
            page = self.get("/v1/approvals", **query, **({"status": status} if status else {}))
            found += page
            if len(page) < 200:
                return found

    def approval(self, id: str, wait: int = 0) -> Approval:
        """One request, waiting so many seconds for its end."""
        return cast(Approval, self.get(f"/v1/approvals/{id}", wait=wait))

    def decide(self, id: str, what: str, digest: str | None) -> Approval:
        """Approve or decline what has a digest, or withdraw."""
        path, body = f"/v1/approvals/{id}/{what}", {"digest": digest} if digest is not None else None
        return cast(Approval, self._call("POST", path, body=body))

    # HTTP

    def get(self, path: str, **query: Any) -> Any:
        """A safe request."""
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Any = None) -> Any:
        """An unsafe request."""
        return self._call("POST", path, body=body)

    def put(self, path: str, body: Any) -> Any:
        """An unsafe request that replaces."""
        return self._call("PUT", path, body=body)

    def patch(self, path: str, body: Any) -> Any:
        """An unsafe request that changes some members."""
        return self._call("PATCH", path, body=body)

    def delete(self, path: str) -> Any:
        """An unsafe request that takes away."""
        return self._call("DELETE", path)

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        wait: int = 0,
        takes: tuple[int, ...] = (),
        raw: bool = False,
    ) -> Any:
        headers = {} if method == "GET" else {"idempotency-key": secrets.token_hex(16)}
        if wait:
            headers["prefer"] = f"wait={wait}"
        content = None
        if body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        try:
            for attempt in (0, 1):
                try:
                    status, answer = self._exchange(method, path, content, headers, query)
                    break
                except httpx.TransportError:
                    if attempt:
                        raise
                    time.sleep(0.2)
        except httpx.RequestError as error:
            raise CliError(
                "gateway-unreachable", ExitCode.UNREACHABLE, url=self.url, cause=type(error).__name__
            ) from None
        return answer if raw and 200 <= status < 300 else self._read(status, answer, takes)

    def _exchange(
        self,
        method: str,
        path: str,
        content: bytes | None,
        headers: Mapping[str, str],
        query: Mapping[str, Any] | None,
    ) -> tuple[int, bytes]:
        """One request: the answer's status and body, which no gateway can make endless."""
        body = bytearray()
        with self._client.stream(
            method, path, content=content, headers=headers, params=dict(query or {})
        ) as response:
            for portion in response.iter_bytes():
                body += portion
                if len(body) > _LARGEST_ANSWER:
                    raise CliError(
                        "no-gateway", ExitCode.UNREACHABLE, url=self.url, status=response.status_code
                    )
        return response.status_code, bytes(body)

    def _read(self, status: int, body: bytes, takes: tuple[int, ...]) -> Any:
        if status == 204:
            return None
        try:
            answer = from_json(body, allow_inf_nan=False)  # refuses what is nested too deep for a reader
        except ValueError:
            answer = None
        if 200 <= status < 300 or status in takes:
            if answer is not None:
                return answer
        elif isinstance(answer, dict) and isinstance(answer.get("code"), str):
            raise RefusedError(answer)
        raise CliError("no-gateway", ExitCode.UNREACHABLE, url=self.url, status=status)


def _wish(
    room: str, act: str, subject: str | int, fields: Mapping[str, Any], deadline: int | None
) -> dict[str, Any]:
    wish: dict[str, Any] = {"room": room, "act": act, "subject": subject, "fields": dict(fields)}
    return wish if deadline is None else wish | {"deadline": deadline}


def _refuse_waiting(answer: Any) -> None:
    if answer.get("status") == "awaiting-approval":
        raise CliError("awaits-approval", ExitCode.UNREACHABLE, id=str(answer["id"]))


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        sound = False
    if not sound:
        raise CliError("gateway-address", ExitCode.USAGE, url=url[:200])
    return url.rstrip("/")


def _is_loopback(url: str) -> bool:
    host = httpx.URL(url).host
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
