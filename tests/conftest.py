"""What all tests share: outside vectors, no network in unit tests, and no skip in CI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket

ROOT = Path(__file__).parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests run without sockets, whatever they import."""
    for item in items:
        if (ROOT / "tests" / "unit") in item.path.parents:
            item.add_marker(pytest.mark.usefixtures("no_sockets"))


@pytest.fixture
def no_sockets() -> Iterator[None]:
    """Refuse connections; what a process needs for itself (asyncio's socket pair) stays allowed."""
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture(scope="session")
def outside_vectors() -> Path:
    """The folder of outside vectors: LANDBRIDGE_VECTORS, or beside the repository."""
    folder = Path(os.environ.get("LANDBRIDGE_VECTORS", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the outside vectors are not here: set LANDBRIDGE_VECTORS to their folder")
    return folder


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """In CI everything is installed, so a skip there is a failure."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
