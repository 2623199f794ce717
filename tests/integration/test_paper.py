"""Bills as paper: handed out by a gateway, verified without it through a node, never passing once changed."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.domains.bills.bundle import BillBundle
from api.domains.bills.bundle_checks import BUNDLE_POLICY, check_bundle
from api.domains.bills.contract import BillWord
from api.domains.bills.paper import VERSION, Paper, draw, read_paper, routes, with_pages
from api.domains.bills.paper.errors import PaperError
from api.domains.bills.paper.extract import Refusal, take
from api.domains.bills.paper.story import Story
from api.domains.bills.paper.view import View
from api.kernel.bundles import BundleError, Trust, look_at_chain, read_bundle, read_trust
from api.kernel.checks import Result, judge
from tests.clilab import cli
from tests.integration.conftest import Served
from tests.integration.gateway import Gateway, problem
from tests.paperlab import text_of

SHOWN = ["/bill/number", "/issuer/party"]


@dataclass
class Case:
    """A bill that went through hands, with its paper."""

    gateway: Gateway
    bill: str
    paper: bytes
    trust: Trust

    def ask(self, who: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
        """Ask for the paper as somebody."""
        return self.gateway.post(who, f"/v1/bills/{self.bill}/paper", body or {}, **headers)

    def results(self, paper: Paper) -> dict[str, Result]:
        """What each check says of a paper, against the gateway's own node."""
        bundle = read_bundle(paper.bundle, BillBundle)
        on_chain = look_at_chain(self.gateway.house.chain, bundle.chain)
        checks, policy = with_pages(check_bundle(bundle, self.trust, on_chain), BUNDLE_POLICY, paper)
        found = {check.name: check.result for check in checks}
        assert "pages" in policy.required
        assert judge(checks, policy).passed is all(found[name] is Result.PASS for name in policy.required)
        return found


@pytest.fixture(scope="module")
def case(gateway: Gateway) -> Case:
    """A bill issued, offered in vain, and transferred, as its holder shows it."""
    bill = gateway.full_bill()["bill"]
    gateway.done(gateway.sign("importer", "Offer", bill, to=gateway.party("bank"), expiry=2_000_000_000))
    gateway.done(gateway.sign("bank", "DeclineOffer", bill))
    gateway.done(gateway.sign("importer", "Transfer", bill, to=gateway.party("bank")))
    gateway.settle()
    made = Case(gateway, bill, b"", read_trust(gateway.get(None, "/v1/trust").content))
    answer = made.ask("bank")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == f'attachment; filename="bill-{bill[2:14]}.pdf"'
    made.paper = answer.content
    return made


@pytest.fixture(scope="module")
def node(gateway: Gateway) -> Iterator[str]:
    """The address of the chain's node, which is all that a verifier has."""
    with Served(gateway.house.chain.node) as served:
        yield served.url


def test_a_paper_passes_every_check_that_a_node_can_answer(case):
    paper = read_paper(case.paper)
    found = case.results(paper)
    assert {name: result for name, result in found.items() if result is not Result.PASS} == {
        "key-custody": Result.FAIL,
        "finality": Result.UNKNOWN,
    }
    assert list(found)[:2] == ["bundle", "pages"]
    assert paper.producer == VERSION
    assert draw(paper.bundle) == case.paper


def test_the_story_told_is_the_chains(case):
    bundle = read_bundle(read_paper(case.paper).bundle, BillBundle)
    story = Story.of(bundle, View.of(bundle))
    word = BillWord.unpack(case.gateway.word(case.bill))
    told = (story.state, story.holder, story.offeree or 0, story.to_order, len(story.steps))
    assert told == (word.state.name.lower(), word.holder, word.offeree, word.to_order, word.sequence)
    history = case.gateway.get("bank", f"/v1/bills/{case.bill}/history").json()
    assert [(step.act, step.by[0], step.keys[0], step.block, step.time) for step in story.steps] == [
        (one["act"], one["party"], one["key"], one["block"], one["time"]) for one in history
    ]
    text = text_of(case.paper)
    assert case.bill in text
    assert "Asofblock" + str(history[-1]["block"]) in text


def test_chosen_fields_alone(case):
    answer = case.ask("bank", {"fields": SHOWN})
    paper = read_paper(answer.content)
    assert case.results(paper)["pages"] is Result.PASS
    assert case.results(paper)["integrity"] is Result.PASS
    whole: Any = json.loads(read_paper(case.paper).bundle)["document"]["whole"]
    text = text_of(answer.content)
    assert whole["bill"]["number"] in text
    for hidden in (
        whole["consignment"]["consignor"]["address"],
        whole["note"]["number"],
        whole["clauses"][0]["zh"],
    ):
        assert "".join(hidden.split()) not in text
        assert hidden.encode() not in answer.content
    problem(case.ask("bank", {"fields": ["/no/such"]}), 422, "digest-field-missing")


def test_another_bills_bundle_on_these_pages_fails(case):
    """A true bundle under false pages: what a reader sees is not what is proved."""
    gateway = case.gateway
    other = gateway.full_bill(holder="bank")["bill"]
    gateway.settle()
    bundle = gateway.post("bank", f"/v1/bills/{other}/bundle", {}).content
    found = case.results(Paper(case.paper, bundle, VERSION))
    assert {name for name, result in found.items() if result is Result.FAIL} == {"pages", "key-custody"}
    # The same through a file: the other bundle put where this one was, with its length.
    own = read_paper(case.paper).bundle
    assert case.paper.count(own) == 1
    swapped = case.paper.replace(own, bundle)
    try:
        paper = read_paper(swapped)
    except PaperError:
        return
    assert case.results(paper)["pages"] is Result.FAIL


def test_no_change_passes(case):
    luck = random.Random(int(case.bill, 16) % 1000)  # noqa: S311 - a test's order, no secret
    for _ in range(60):
        changed = bytearray(case.paper)
        changed[luck.randrange(len(changed))] ^= 1 << luck.randrange(8)
        try:
            bundle, producer = take(bytes(changed))
            found = case.results(Paper(bytes(changed), bundle, producer))
        except (Refusal, BundleError):
            continue
        assert found["pages"] is not Result.PASS


def test_who_may_have_a_paper(case):
    gateway = case.gateway
    problem(case.ask("stranger"), 404, "not-found")
    problem(gateway.post(None, f"/v1/bills/{case.bill}/paper", {}), 401, "unauthorized")
    document = json.loads(read_paper(case.paper).bundle)["document"]
    whole = {"document": document["whole"], "seed": document["seed"]}
    shown = read_paper(case.ask("stranger", whole).content)
    assert case.results(shown)["pages"] is Result.PASS
    assert json.loads(shown.bundle)["document"] == document
    problem(case.ask("stranger", whole | {"seed": "5a" * 32}), 422, "request-malformed")
    quick = gateway.store(gateway.document())["digest"]
    problem(gateway.post("carrier", f"/v1/bills/{quick}/paper", {}), 409, "log-not-anchored")
    again = {"idempotency_key": "paper-" + hashlib.sha256(case.bill.encode()).hexdigest()}
    assert {case.ask("bank", **again).status_code for _ in range(2)} == {200}


def test_what_cannot_be_printed_is_refused_by_its_name_and_the_bundle_still_given(case):
    gateway = case.gateway
    document = gateway.document()
    document["consignment"]["consignor"]["name"]["en"] = "Demo Exporter 🚂"
    kept = gateway.store(document)
    bill, note = kept["digest"], kept["facts"]["note"]
    gateway.done(
        gateway.sign("carrier", "Issue", bill, note=note, holder=gateway.party("importer"), toOrder=True)
    )
    gateway.settle()
    answer = gateway.post("importer", f"/v1/bills/{bill}/paper", {})
    told = problem(answer, 422, "paper-character")
    assert told["params"] == {"character": "U+1F682", "where": "/consignment/consignor/name/en"}
    assert gateway.post("importer", f"/v1/bills/{bill}/bundle", {}).status_code == 200
    shown = gateway.post("importer", f"/v1/bills/{bill}/paper", {"fields": SHOWN})
    assert shown.status_code == 200


def test_many_at_once_get_theirs_or_are_told_to_wait(case, monkeypatch):
    case.gateway.settle()  # no new head of the log comes in between
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: case.ask("bank"), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    monkeypatch.setattr(routes, "_AT_MOST", 0)
    answer = case.ask("bank")
    problem(answer, 503, "paper-busy")
    assert "retry-after" in answer.headers


def test_the_command_line(case, node, tmp_path: Path):
    paper, trust = tmp_path / "bill.pdf", tmp_path / "trust.json"
    paper.write_bytes(case.paper)
    trust.write_bytes(case.gateway.get(None, "/v1/trust").content)
    given = ("--trust", trust, "--rpc", node)
    told = cli("verify", paper, *given, "--expect-holder", case.gateway.party("bank"), "--json")
    assert (told.code, told.json()["verdict"]) == (0, "pass"), told.err
    assert told.json()["policy"]["name"] == "landbridge/paper/1"
    pages = next(check for check in told.json()["checks"] if check["name"] == "pages")
    assert (pages["result"], pages["required"]) == ("pass", True)
    shown = cli("verify", paper, *given, "--lang", "zh")
    assert "各页与所附证明文件生成的逐字节一致" in shown.out
    # One byte of the drawing, which no reader would see: the bundle holds, the pages do not.
    changed = bytearray(case.paper)
    changed[changed.index(b" rg ") - 1] ^= 1
    paper.write_bytes(changed)
    told = cli("verify", paper, *given, "--json")
    assert (told.code, told.json()["reasons"]) == (1, ["pages"])
    # Without a node only what the file itself shows is known.
    paper.write_bytes(case.paper)
    told = cli("verify", paper, "--json")
    assert told.code == 1
    assert {"state", "history"} <= set(told.json()["reasons"])
    assert "pages" not in told.json()["reasons"]
    for data, code in ((case.paper[:5000], "paper-malformed"), (b"%PDF-1.7\n", "paper-malformed")):
        paper.write_bytes(data)
        told = cli("verify", paper, *given, "--json", "--lang", "zh")
        assert told.code == 3
        assert told.json()["error"]["code"] == code
        assert "PDF 文件损坏或不完整" in told.err


def test_a_paper_is_drawn_from_a_bundle_without_a_gateway(case, tmp_path: Path):
    bundle, first, second = (tmp_path / name for name in ("bill.json", "a.pdf", "b.pdf"))
    bundle.write_bytes(read_paper(case.paper).bundle)
    assert cli("bill", "paper", bundle, "--out", first).code == 0
    assert cli("bill", "paper", first, "--out", second, "--lang", "zh").code == 0
    assert first.read_bytes() == second.read_bytes() == case.paper
    assert first.stat().st_mode & 0o777 == 0o600
    assert cli("bill", "paper", bundle, "--out", first).code == 5  # nothing is overwritten
    refused = cli("bill", "paper", bundle, "--out", tmp_path / "c.pdf", "--field", "/bill/number", "--json")
    assert (refused.code, refused.json()["error"]["code"]) == (2, "field-of-bundle")
    bundle.write_bytes(b"{}")
    assert cli("bill", "paper", bundle, "--out", tmp_path / "c.pdf").code == 5
