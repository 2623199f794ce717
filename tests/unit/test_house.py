"""The house itself: nothing that must not stand in the project, and its commands are there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_lock_files_hold_hashes_and_no_download_address() -> None:
    for name in ("requirements.lock", "requirements-dev.lock", "requirements-analysis.lock"):
        text = (ROOT / name).read_text()
        assert "--hash=sha256:" in text
        assert not re.search(r"https?://", text), name
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text()


def test_no_private_key_or_token_is_committed() -> None:
    forms = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|lb_[0-9a-f]{16}_[0-9a-f]{64}")
    for path in tracked():
        if path.suffix in {".py", ".md", ".json", ".sol", ".toml", ".sh", ""}:
            found = forms.search(path.read_text(errors="replace"))
            assert found is None, f"{path.relative_to(ROOT)}: {found}"


def test_no_file_of_the_product_grows_too_large_to_read() -> None:
    for path in tracked():
        if path.suffix in {".py", ".sol"} and "tests" not in path.parts:
            assert path.read_text().count("\n") <= 600, path.relative_to(ROOT)
