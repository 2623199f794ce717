"""The check ``pages``: whether a PDF's pages are, to the byte, those that its bundle makes.

>>> checks, policy = with_pages(check_bundle(bundle, trust, on_chain), BUNDLE_POLICY, paper)  # doctest: +SKIP
>>> judge(checks, policy).passed                                                              # doctest: +SKIP
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from api.domains.bills.paper.drawing import VERSION, draw
from api.domains.bills.paper.errors import PaperError
from api.domains.bills.paper.reading import Paper
from api.kernel.bundles import BundleError
from api.kernel.checks import Check, Policy, Result, Scope

__all__ = ["PAGES", "check_pages", "with_pages"]

PAGES: Final = "pages"
_OURS: Final = VERSION.partition("/")[0] + "/"

_PASS = (
    "the pages are, to the byte, those that the attached bundle makes",
    "各页与所附证明文件生成的逐字节一致",
)
_OTHER = (
    "the pages are not those that the attached bundle makes: what they show may be false",
    "各页与所附证明文件生成的不一致：页面所示可能不实",
)
_FOREIGN = (
    "the file was made or written anew by another program: take it as it was handed out",
    "文件由其他程序生成或改写：请使用原始文件",
)
_UNDRAWN = (
    "the attached bundle makes no pages of a bill: what these show may be false",
    "所附证明文件不能生成提单页面：页面所示可能不实",
)
_VERSION = (
    "the pages were made by another version: verify with that one, or draw them anew with: "
    "landbridge bill paper FILE --out NEW",
    "各页由其他版本生成：请用该版本核验，或重新生成：landbridge bill paper FILE --out NEW",
)
_BARE = (
    "this installation cannot draw pages: its typefaces are missing",
    "本机安装缺少字体，无法重绘页面",
)


def check_pages(paper: Paper) -> Check:
    """Draw the pages anew and compare. Never raises for what the PDF or its bundle says."""
    try:
        result, told = _compared(paper)
    except (PaperError, BundleError):
        result, told = Result.FAIL, _UNDRAWN
    except FileNotFoundError:
        result, told = Result.UNKNOWN, _BARE
    evidence = {"producer": paper.producer, "version": VERSION, "bytes": len(paper.data)}
    return Check(PAGES, result, *told, Scope.DOCUMENT, evidence)


def _compared(paper: Paper) -> tuple[Result, tuple[str, str]]:
    if paper.producer != VERSION:
        if (paper.producer or "").startswith(_OURS):
            return Result.UNKNOWN, _VERSION
        return Result.FAIL, _FOREIGN
    if draw(paper.bundle) == paper.data:
        return Result.PASS, _PASS
    return Result.FAIL, _OTHER


def with_pages(checks: Sequence[Check], policy: Policy, paper: Paper) -> tuple[list[Check], Policy]:
    """A bundle's checks with that of the pages, and a policy that demands it too."""
    first, *others = checks
    demanded = replace(policy, name="landbridge/paper/1", required=(*policy.required, PAGES))
    return [first, check_pages(paper), *others], demanded
