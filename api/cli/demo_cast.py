"""The demo's parties and their tokens: plainly invented, made once, found again by every later run.

Tokens are kept in the data folder, in ``demo-tokens.json`` with mode 0600, and never printed.

>>> [person.key for person in PEOPLE]
['carrier-a', 'carrier-b', 'exporter', 'bank', 'importer']
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from api.cli.client import Gateway, PartyView
from api.cli.errors import CliError, RefusedError
from api.cli.files import read_json, replace_private
from api.cli.token import make_operator_token

if TYPE_CHECKING:
    from api.settings import Settings

__all__ = ["PEOPLE", "TOKENS", "Actor", "Person", "gather"]

TOKENS: Final = "demo-tokens.json"
_FORMAT: Final = "landbridge/demo-tokens/1"
_LIFETIME = 90 * 86_400


@dataclass(frozen=True)
class Person:
    """A party of the demo, as the sample bills name it."""

    key: str
    name: str
    name_zh: str
    country: str
    role: str


PEOPLE: Final = (
    Person("carrier-a", "Demo Carrier A", "示范承运人甲", "CN", "carrier"),
    Person("carrier-b", "Demo Carrier B", "示范承运人乙", "CN", "carrier"),
    Person("exporter", "Demo Exporter C", "示范出口商丙", "CN", "exporter"),
    Person("bank", "Demo Bank E", "示范银行戊", "CN", "bank"),
    Person("importer", "Demo Importer F", "示范进口商己", "DE", "importer"),
)


@dataclass(frozen=True)
class Actor:
    """A party of the demo with its number here and its own way to the gateway."""

    person: Person
    party: int
    gateway: Gateway

    def name(self, lang: str) -> str:
        """What it is called."""
        return self.person.name_zh if lang == "zh" else self.person.name


def gather(
    url: str, settings: Settings, lang: str, told: Callable[[str, dict[str, Any]], None]
) -> dict[str, Actor]:
    """The actors by key: admitted, given their roles and tokens, or found as an earlier run left them.

    :param told: is told of each thing that is made: a text's key and what it shows
    :raises RefusedError: the gateway refused
    """
    path = settings.data_dir / TOKENS
    known: dict[str, dict[str, Any]] = read_json(path).get("tokens", {}) if path.exists() else {}
    operator = _operator(url, settings, lang, known, path)
    present = {party["name"]: party for party in operator.parties()}
    actors: dict[str, Actor] = {}
    for person in PEOPLE:
        party = present.get(person.name) or _admit(operator, person, lang, told)
        if not any(one["role"] == person.role and not one["ends"] for one in party["roles"]):
            operator.act(f"/v1/parties/{party['party']}/roles", {"role": person.role})
        gateway = _own(url, operator, person, party["party"], lang, known, path)
        actors[person.key] = Actor(person, party["party"], gateway)
    return actors


def _operator(
    url: str, settings: Settings, lang: str, known: dict[str, dict[str, Any]], path: Path
) -> Gateway:
    if "operator" in known:
        gateway = Gateway(url, known["operator"]["token"], lang=lang)
        if _is_valid(gateway, None):
            return gateway
    token, _ = make_operator_token(settings, "demo", _LIFETIME)
    _remember(known, path, "operator", {"party": None, "token": token})
    return Gateway(url, token, lang=lang)


def _admit(
    operator: Gateway, person: Person, lang: str, told: Callable[[str, dict[str, Any]], None]
) -> PartyView:
    told("demo-admitting", {"name": person.name_zh if lang == "zh" else person.name})
    profile = {"name": person.name, "name_zh": person.name_zh, "country": person.country}
    intent = operator.act("/v1/parties", profile)
    party = operator.party_of_profile(intent["subject"])
    if party is None:
        raise RefusedError({"code": "not-found", "status": 404, "detail": intent["subject"]})
    return party


def _own(
    url: str,
    operator: Gateway,
    person: Person,
    party: int,
    lang: str,
    known: dict[str, dict[str, Any]],
    path: Path,
) -> Gateway:
    if person.key in known:
        gateway = Gateway(url, known[person.key]["token"], lang=lang)
        if _is_valid(gateway, party):
            return gateway
    made = operator.post(
        "/v1/tokens",
        {"party": party, "scopes": ["read", "write", "sign"], "label": "demo", "lifetime": _LIFETIME},
    )
    _remember(known, path, person.key, {"party": party, "token": made["token"]})
    return Gateway(url, made["token"], lang=lang)


def _is_valid(gateway: Gateway, party: int | None) -> bool:
    try:
        return any(token["party"] == party for token in gateway.tokens())
    except (RefusedError, CliError):
        gateway.close()
        return False


def _remember(known: dict[str, dict[str, Any]], path: Path, key: str, entry: dict[str, Any]) -> None:
    known[key] = entry
    replace_private(path, {"format": _FORMAT, "tokens": known})
