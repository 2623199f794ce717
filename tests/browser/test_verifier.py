"""The verifier's page in a browser: opened from disk with no network, and served by a gateway."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from api.kernel.bundles import seal_bundle
from api.web.pages import VERIFIER
from chain.canonical import parse
from tests.integration.conftest import free_port
from tests.integration.gateway import Gateway

VECTORS = Path(__file__).parents[1] / "vectors" / "bundles"
FROM_DISK = (VERIFIER / "index.html").as_uri()
LONG = 120_000
"""Milliseconds that something may take on a busy machine."""

expect.set_options(timeout=LONG)


class Visit:
    """A page, what it asked for, and what the browser had to say against it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", self._on_request)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _on_request(self, request: Request) -> None:
        self.asked.append(request.url)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, address: str, language: str = "en") -> None:
        """Open the page and choose a language."""
        self.page.goto(address)
        self.page.click(f"[data-language={language}]")

    def check(
        self, bundle: Path, trust: Path | None = VECTORS / "trust.json", *, now: int | None = None
    ) -> None:
        """Put the files in and wait for the answer."""
        if now is not None:
            self.page.evaluate("document.getElementById('more').open = true")
            moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
            self.page.fill("#time", moment)
        if trust is not None:
            self.page.set_input_files("#trust-file", trust)
            expect(self.page.locator("#trust-state")).to_have_class("state good")
        self.page.set_input_files("#file", bundle)
        expect(self.page.locator("#verdict")).to_be_visible()

    def results(self) -> dict[str, str]:
        """What each check shows, by name."""
        rows = self.page.locator("tbody tr")
        found = {}
        for at in range(rows.count()):
            row = rows.nth(at)
            badge = row.locator(".badge")
            found[row.locator("code").inner_text()] = str(badge.get_attribute("class")).split()[-1]
        return found


@contextmanager
def visit(browser: Browser, **options: Any) -> Iterator[Visit]:
    """A window of its own."""
    context = browser.new_context(**options)
    context.set_default_timeout(LONG)
    try:
        yield Visit(context.new_page())
    finally:
        context.close()


def expected(base: str) -> tuple[dict[str, str], int]:
    """What the shared vectors say of a bundle, and when."""
    for case in json.loads((VECTORS / "cases.json").read_text()):
        if case.get("file") == f"{base}.json" and case["trust"] == "trust.json" and not case.get("holder"):
            return case["result"], case["now"]
    raise AssertionError(base)


def test_from_disk_a_sealed_bundle_passes_with_no_network(browser, tmp_path):
    results, now = expected("live")
    with visit(browser) as seen:
        seen.page.context.set_offline(True)
        seen.open(FROM_DISK)
        seen.check(VECTORS / "live.json", now=now)
        expect(seen.page.locator(".verdict")).to_have_class("verdict pass")
        expect(seen.page.locator("#verdict")).to_have_text("The file holds")
        expect(seen.page.locator(".reasons.also a")).to_have_text(["Keys in own hands"])
        assert seen.results() == results
        document = parse((VECTORS / "live.json").read_bytes())["document"]["whole"]  # type: ignore[index,call-overload]
        expect(seen.page.locator(".fact-number dd")).to_contain_text(document["bill"]["number"])
        expect(seen.page.locator(".basis.claimed")).to_have_count(0)
        expect(seen.page.locator(".story .act")).to_have_text(
            ["Issued", "Offered", "Offer declined", "Transferred"]
        )
        # Another language says the same, without another check.
        seen.page.click("[data-language=zh]")
        expect(seen.page.locator("#verdict")).to_have_text("证明成立")
        expect(seen.page.locator("html")).to_have_attribute("lang", "zh-CN")
        assert seen.results() == results
        assert not re.search("[A-Za-z]{4,} [a-z]{3,}", seen.page.locator("table").inner_text())
        assert {address.partition(":")[0] for address in seen.asked} == {"file"}
        assert seen.complaints == []


def test_from_disk_a_tampered_bundle_fails_by_name(browser, tmp_path):
    _, now = expected("live")
    content: Any = parse((VECTORS / "live.json").read_bytes())
    del content["digest"]
    content["document"]["whole"]["bill"]["number"] = "<img src=x onerror=alert(1)>"
    tampered = tmp_path / "tampered.json"
    tampered.write_bytes(seal_bundle(content))
    with visit(browser) as seen:
        seen.open(FROM_DISK)
        seen.check(tampered, now=now)
        expect(seen.page.locator(".verdict")).to_have_class("verdict fail")
        expect(seen.page.locator(".reasons:not(.also) a")).to_have_text(["Document unaltered"])
        assert seen.results()["integrity"] == "fail"
        # What the file holds is text, and only claimed.
        expect(seen.page.locator(".fact-number dd")).to_contain_text("<img src=x onerror=alert(1)>")
        expect(seen.page.locator(".fact-number .basis")).to_have_text("only claimed")
        assert seen.page.locator("img").count() == 0
        # Damaged without a new digest it is no bundle; the reason is named in Chinese too.
        damaged = tmp_path / "damaged.json"
        damaged.write_bytes(tampered.read_bytes()[:-2] + b"}")
        seen.page.click("[data-language=zh]")
        seen.page.set_input_files("#file", damaged)
        expect(seen.page.locator(".verdict .code")).to_contain_text("bundle-malformed")
        assert seen.results()["bundle"] == "fail"
        assert set(seen.results().values()) == {"fail", "unknown"}
        assert seen.complaints == []


def test_without_a_trust_root_nothing_is_established(browser):
    results, now = expected("live")
    with visit(browser) as seen:
        seen.open(FROM_DISK)
        seen.check(VECTORS / "live.json", None, now=now)
        expect(seen.page.locator(".verdict")).to_have_class("verdict unknown")
        assert "fail" not in seen.results().values()
        seen.page.fill("#trust", "{}")
        expect(seen.page.locator("#trust-state")).to_have_class("state bad")
        seen.page.click("#verify")
        expect(seen.page.locator(".verdict .code")).to_contain_text("trust-malformed")
        seen.page.fill("#trust", (VECTORS / "trust.json").read_text())
        seen.page.click("#verify")
        expect(seen.page.locator(".verdict")).to_have_class("verdict pass")
        seen.page.fill("#holder", "4000000000")
        seen.page.press("#holder", "Enter")
        expect(seen.page.locator(".reasons:not(.also) a")).to_have_text(["Live, and who holds it"])
        assert seen.results() == results | {"state": "fail"}


def test_the_keyboard_alone_suffices(browser):
    with visit(browser) as seen:
        seen.open(FROM_DISK)
        page = seen.page
        page.evaluate("document.activeElement.blur()")
        reached = []
        for _ in range(12):
            page.keyboard.press("Tab")
            reached.append(
                page.evaluate("document.activeElement.id || document.activeElement.dataset.language || ''")
            )
        for wanted in ("file", "trust-file", "trust"):
            assert wanted in reached
        assert "en" in reached
        assert "zh" in reached
        page.focus("[data-language=zh]")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("这份证明文件是否成立？")
        page.focus("summary")
        page.keyboard.press("Enter")
        expect(page.locator("#holder")).to_be_visible()
        with page.expect_file_chooser() as chooser:
            page.focus("#file")
            page.keyboard.press("Enter")
        chooser.value.set_files(VECTORS / "live.json")
        expect(page.locator("#verdict")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (360, 740)])
def test_every_text_stands_out_and_nothing_is_cut_off(browser, scheme, width, height):
    """Contrast of at least 4.5 to 1 wherever text stands (WCAG 2.2, AA), and no sideways scrolling."""
    now = expected("live")[1]
    with visit(browser, color_scheme=scheme, viewport={"width": width, "height": height}) as seen:
        seen.open(FROM_DISK)
        for trust in (VECTORS / "trust.json", VECTORS / "trust-others.json", VECTORS / "trust-without.json"):
            seen.check(VECTORS / "live.json", trust, now=now)
            assert seen.page.evaluate(_FAINT) == []
            assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


_FAINT = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (node) => {
    for (let one = node; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility()) continue;
    if (element.closest("script, noscript, button:disabled")) continue;
    const [one, other] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) faint.push(`${node.data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""


def test_a_large_file_shows_progress_and_can_be_stopped(browser, tmp_path):
    content: Any = parse((VECTORS / "live.json").read_bytes())
    del content["digest"], content["sealed"]
    act = content["acts"][1]
    act["path"] = ["0x" + "00" * 32] * len(act["path"])
    content["acts"] = [act] * 10_000
    large = tmp_path / "large.json"
    large.write_bytes(seal_bundle(content))
    assert large.stat().st_size < 10 << 20
    with visit(browser) as seen:
        seen.open(FROM_DISK)
        seen.page.set_input_files("#file", large)
        expect(seen.page.locator("#progress-text")).to_have_text("Checking what is in the log …")
        seen.page.dispatch_event("#stop", "click")  # a click waits for things to stand still
        expect(seen.page.locator(".verdict .code")).to_have_text("stopped")
        # A page that is frozen draws nothing: what it told of its progress is gathered.
        seen.page.evaluate(
            "window.told = new Set(); new MutationObserver(() => "
            "window.told.add(document.getElementById('progress-bar').value))"
            ".observe(document.getElementById('progress'), {attributes: true, subtree: true})"
        )
        seen.page.click("#verify")
        expect(seen.page.locator(".verdict")).to_have_class("verdict fail")
        expect(seen.page.locator("#checks")).to_be_visible()
        assert seen.page.evaluate("window.told.size") > 3
        assert seen.results()["inclusion"] == "fail"
        assert seen.page.locator(".story li").count() < 1000
        assert seen.complaints == []


@pytest.fixture(scope="module")
def served(gateway: Gateway) -> Iterator[str]:
    """The gateway on a port of its own."""
    port = free_port()
    config = uvicorn.Config(gateway.app, host="127.0.0.1", port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < end, "the server does not start"
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


def test_served_by_a_gateway_under_its_policy(browser, gateway, served, tmp_path):
    answer = gateway.get(None, "/verifier/")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert (answer.headers["x-content-type-options"], answer.headers["referrer-policy"]) == (
        "nosniff",
        "no-referrer",
    )
    assert gateway.get(None, "/verifier/page.js").headers["content-type"].startswith("text/javascript")
    assert gateway.get(None, "/verifier/nothing.js").status_code == 404
    assert gateway.get(None, "/verifier/../app.py").status_code == 404
    assert "/verifier" not in json.dumps(gateway.get(None, "/openapi.json").json()["paths"])

    made = gateway.full_bill()
    gateway.settle()
    bundle, trust = tmp_path / "bill.json", tmp_path / "trust.json"
    bundle.write_bytes(gateway.post("importer", f"/v1/bills/{made['bill']}/bundle", {}).content)
    trust.write_bytes(gateway.get(None, "/v1/trust").content)
    with visit(browser) as seen:
        seen.open(f"{served}/verifier/")
        seen.page.click("summary")
        seen.page.fill("#node", f"{served}/rpc")
        seen.page.fill("#holder", str(gateway.party("importer")))
        seen.check(bundle, trust)
        expect(seen.page.locator(".verdict")).to_have_class("verdict pass")
        expect(seen.page.locator(".circumstances")).to_contain_text("asked of the node")
        results = seen.results()
        assert {name for name, result in results.items() if result != "pass"} == {"key-custody", "finality"}
        assert {address for address in seen.asked if not address.startswith(f"{served}/verifier/")} == {
            f"{served}/rpc"
        }
        assert seen.complaints == []
        # A sealed bundle of another chain, without a node: the validators are not this gateway's affair.
        seen.page.fill("#node", "")
        seen.page.fill("#holder", "")
        seen.check(VECTORS / "live.json", now=expected("live")[1])
        expect(seen.page.locator(".verdict")).to_have_class("verdict pass")


def test_an_insecure_place_is_told_plainly(browser, served):
    with visit(browser) as seen:
        seen.open(served.replace("127.0.0.1", "verifier.test") + "/verifier/")
        expect(seen.page.locator("#insecure")).to_contain_text("plain http")
        seen.page.set_input_files("#file", VECTORS / "live.json")
        expect(seen.page.locator(".verdict .code")).to_contain_text("no-webcrypto")
        expect(seen.page.locator(".verdict")).to_have_class("verdict fail")
    with visit(browser) as seen:
        seen.open(f"{served}/verifier/")
        expect(seen.page.locator("#insecure")).to_be_hidden()
