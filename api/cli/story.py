"""The demo story of a railway bill, played over HTTP; each step is asserted.

1. carrier A issues to the exporter's order; 2. carrier B issues for the same note: refused by the chain;
3. the exporter transfers to the bank's order; 4. the bank verifies: pass; 5. a tampered copy: fails by name;
6. the bank transfers to the importer; 7. the importer surrenders; 8. carrier A accepts and delivers;
9. verified again: delivered, not live.

>>> for step in Story(actors, lang="en", rpc=f"{url}/rpc").play(fresh_run):  # doctest: +SKIP
...     print(step.number, step.held, step.block, step.gas)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api.cli.acts import act_file, opening
from api.cli.client import Intent, Verdict
from api.cli.demo_cast import Actor
from api.cli.demo_document import fresh, tampered
from api.cli.errors import CliError, RefusedError, failure_of
from api.cli.texts import text
from chain.errors import LandbridgeError

__all__ = ["Step", "Story"]


@dataclass(frozen=True)
class Step:
    """One step: who did what, what came of it, and whether that is what had to come.

    :ivar gas: of its transactions; none where nothing was sent
    :ivar seconds: from the wish to the answer
    """

    number: int
    name: str
    who: str
    what: str
    held: bool
    result: str
    block: int | None
    gas: int | None
    seconds: float
    verdict: Verdict | None = None

    def document(self) -> dict[str, Any]:
        """The step as JSON."""
        members: dict[str, Any] = {
            "number": self.number,
            "name": self.name,
            "who": self.who,
            "what": self.what,
            "held": self.held,
            "result": self.result,
            "block": self.block,
            "gas": self.gas,
            "seconds": round(self.seconds, 3),
        }
        return members | ({"verdict": self.verdict} if self.verdict else {})


@dataclass(frozen=True)
class _Came:
    """What came of a step."""

    held: bool
    result: str
    block: int | None = None
    gas: int | None = None
    verdict: Verdict | None = None


class Story:
    """One telling of the story.

    :param actors: by key, as :func:`api.cli.demo_cast.gather` gives them
    :param rpc: the chain's JSON-RPC, past the gateway's API
    """

    def __init__(self, actors: dict[str, Actor], *, lang: str, rpc: str) -> None:
        self._actors = actors
        self._lang = lang
        self._rpc = rpc
        self.bill = ""
        self._document: dict[str, Any] = {}
        self._seed = ""

    def play(self, run: str) -> Iterator[Step]:
        """The steps, each given when done. One that cannot be made does not hold, and ends the story.

        :param run: eight digits that no other run had
        """
        self._run, self._today = run, datetime.now(UTC).date()
        steps: tuple[tuple[str, str, Callable[[Actor], _Came]], ...] = (
            ("issue", "carrier-a", self._issue),
            ("second-issue", "carrier-b", self._second_issue),
            ("to-bank", "exporter", lambda who: self._transfer(who, "bank")),
            ("verify", "bank", self._verify),
            ("tampered", "bank", self._tampered),
            ("to-importer", "bank", lambda who: self._transfer(who, "importer")),
            ("surrender", "importer", self._surrender),
            ("deliver", "carrier-a", self._deliver),
            ("verify-delivered", "bank", self._verify_delivered),
        )
        for number, (name, key, act) in enumerate(steps, 1):
            who = self._actors[key]
            began = time.perf_counter()
            try:
                came = act(who)
                broken = False
            except (RefusedError, CliError, LandbridgeError) as error:
                failure = failure_of(error, self._lang)
                came, broken = _Came(False, f"{failure.code}: {failure.sentence}"), True
            yield Step(
                number,
                name,
                who.name(self._lang),
                text(self._lang, f"step.{name}", **self._names()),
                came.held,
                came.result,
                came.block,
                came.gas,
                time.perf_counter() - began,
                came.verdict,
            )
            if broken:
                return

    def _names(self) -> dict[str, str]:
        return {key.replace("-", "_"): actor.name(self._lang) for key, actor in self._actors.items()}

    def _say(self, key: str, **params: object) -> str:
        return text(self._lang, f"came.{key}", **params)

    def _act(self, who: Actor, act: str, fields: dict[str, Any] | None = None) -> Intent:
        return who.gateway.sign("bills", act, self.bill, fields or {})

    def _state(self, who: Actor, state: str, holder: str, *intents: Intent) -> _Came:
        """What acts came to: the bill must now stand so, and be controlled by that actor."""
        found = who.gateway.bill(self.bill)
        held = (found["state"], found["holder"]) == (state, self._actors[holder].party)
        result = self._say(
            "state", state=text(self._lang, f"state.{found['state']}"), holder=self._name_of(found["holder"])
        )
        gas = sum(one["gas_used"] or 0 for one in intents)
        return _Came(held, result, intents[-1]["block"], gas)

    def _name_of(self, party: int) -> str:
        return next((a.name(self._lang) for a in self._actors.values() if a.party == party), str(party))

    def _issue(self, who: Actor) -> _Came:
        holder = self._actors["exporter"].party
        document = fresh(issuer=who.party, holder=holder, today=self._today, run=self._run)
        stored = who.gateway.store(document, [holder])
        self.bill = stored["digest"]
        fields = {"note": stored["facts"]["note"], "holder": holder, "toOrder": True}
        return self._state(who, "issued", "exporter", self._act(who, "Issue", fields))

    def _second_issue(self, who: Actor) -> _Came:
        holder = self._actors["exporter"].party
        document = fresh(issuer=who.party, holder=holder, today=self._today, run=self._run, suffix="-B")
        stored = who.gateway.store(document, [holder])
        fields = {"note": stored["facts"]["note"], "holder": holder, "toOrder": True}
        try:
            intent = who.gateway.sign("bills", "Issue", stored["digest"], fields)
            return _Came(False, self._say("issued-twice"), intent["block"], intent["gas_used"])
        except RefusedError as error:
            code = str(error.problem["code"])
        if code != "note-taken":
            return _Came(False, code)
        return self._past_the_gateway(who, stored["digest"], fields)

    def _past_the_gateway(self, who: Actor, bill: str, fields: dict[str, Any]) -> _Came:
        """That was the gateway's word; the contract itself, asked with the signed act, must say the same."""
        from api.cli.direct import RefusedByContractError, attempt, open_chain

        prepared = who.gateway.prepare("bills", "Issue", bill, fields)
        typed = prepared["typed_data"]
        signature = who.gateway.cosign("bills", "Issue", typed["message"])
        with open_chain(self._rpc, typed["domain"]["chainId"]) as chain:
            head = chain.block_number()
            try:
                attempt(chain, act_file(typed, [signature]))
            except RefusedByContractError as error:
                held = error.reason == "note-taken"
                return _Came(held, self._say("note-taken", error=error.error) if held else error.error, head)
        return _Came(False, self._say("issued-twice"), head)

    def _transfer(self, who: Actor, to: str) -> _Came:
        intent = self._act(who, "Transfer", {"to": self._actors[to].party})
        return self._state(who, "issued", to, intent)

    def _ask(self, document: dict[str, Any]) -> Verdict:
        expect = {"holder": self._actors["bank"].party, "issuer": self._actors["carrier-a"].party}
        body = {"bill": self.bill, "document": document, "seed": self._seed, "expect": expect}
        return self._actors["bank"].gateway.verify(body)

    def _judged(self, verdict: Verdict, held: bool, result: str) -> _Came:
        blocks = [check["block"]["number"] for check in verdict["checks"] if check["block"]]
        return _Came(held, result, max(blocks, default=None), None, verdict)

    def _verify(self, who: Actor) -> _Came:
        opened = who.gateway.open(self.bill)
        self._document, self._seed = opened["document"], opened["seed"]
        verdict = self._ask(self._document)
        count = dict.fromkeys(("pass", "fail", "unknown"), 0)
        for check in verdict["checks"]:
            count[check["result"]] += 1
        result = self._say(
            "verdict",
            verdict=text(self._lang, f"result.{verdict['verdict']}"),
            passed=count["pass"],
            fail=count["fail"],
            unknown=count["unknown"],
            required=len(verdict["policy"]["required"]),
        )
        if verdict["reasons"]:
            result += f" ({', '.join(verdict['reasons'])})"
        return self._judged(verdict, verdict["verdict"] == "pass", result)

    def _tampered(self, who: Actor) -> _Came:
        altered, before, after = tampered(self._document)
        verdict = self._ask(altered)
        held = verdict["verdict"] == "fail" and "document-intact" in verdict["reasons"]
        shown = ", ".join(verdict["reasons"])
        result = self._say("fails", reasons=shown, before=before, after=after)
        return self._judged(verdict, held, result)

    def _surrender(self, who: Actor) -> _Came:
        return self._state(who, "surrendered", "importer", self._act(who, "Surrender"))

    def _deliver(self, who: Actor) -> _Came:
        accepted = self._act(who, "AcceptSurrender")
        digest, _ = opening({"format": "landbridge/evidence/1", "bill": self.bill, "text": "demo"})
        delivered = self._act(who, "Deliver", {"evidence": digest})
        return self._state(who, "delivered", "importer", accepted, delivered)

    def _verify_delivered(self, who: Actor) -> _Came:
        verdict = self._ask(self._document)
        live = next(check for check in verdict["checks"] if check["name"] == "live")
        held = (
            verdict["verdict"] == "fail"
            and live["result"] == "fail"
            and live["evidence"].get("state") == "delivered"
            and "live" in verdict["reasons"]
        )
        return self._judged(verdict, held, live[self._lang])
