"""Bills as paper: PDFs drawn from proof bundles, which they carry; and reading and checking such PDFs.

>>> paper = read_paper(draw(bundle))  # doctest: +SKIP
>>> check_pages(paper).result         # doctest: +SKIP
<Result.PASS: 'pass'>
"""

from __future__ import annotations

from api.domains.bills.paper.checks import PAGES, check_pages, with_pages
from api.domains.bills.paper.drawing import ATTACHMENT, MAX_PAGES, VERSION, draw
from api.domains.bills.paper.reading import MAX_PAPER, Paper, is_paper, read_paper

__all__ = [
    "ATTACHMENT",
    "MAX_PAGES",
    "MAX_PAPER",
    "PAGES",
    "VERSION",
    "Paper",
    "check_pages",
    "draw",
    "is_paper",
    "read_paper",
    "with_pages",
]
