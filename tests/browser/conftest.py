"""A real browser: Debian's Chromium, driven by playwright, which asks nobody outside for anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.integration.gateway import gateway  # noqa: F401 - a fixture

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    # A name that is neither localhost nor secure, and leads to this machine.
    "--host-resolver-rules=MAP verifier.test 127.0.0.1",
)


def find_chromium() -> str:
    """The browser; the test is skipped where there is none, and fails in CI."""
    for place in (os.environ.get("LANDBRIDGE_CHROMIUM"), "/usr/bin/chromium", shutil.which("chromium")):
        if place and Path(place).is_file():
            return place
    sentence = (
        "Chromium is not installed: scripts/tools installs it (Debian: chromium), or set LANDBRIDGE_CHROMIUM"
    )
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser, headless."""
    place = find_chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=place, args=list(ARGUMENTS), timeout=120_000)
        yield started
        started.close()
