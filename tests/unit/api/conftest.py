"""What tests of the rooms share: one house, which they leave working."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.api.lab import Lab, open_lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A house with a carrier, a rival carrier, a holder, a bank and a stranger."""
    with open_lab(tmp_path_factory.mktemp("house")) as opened:
        yield opened
