"""What tests of the engine's working parts share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chainlab import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A registry on an embedded node, and a database."""
    made = Bench(tmp_path)
    yield made
    made.engine.dispose()
    made.switched.close()
