"""``landbridge verify``: a proof bundle checked here against a trust root; no gateway is asked.

What the chain says is asked of a node; or, where the trust root names the chain's validators and the bundle
has a sealed part, it is read from that, with no network at all.

>>> main(["verify", "bill.json", "--trust", "trust.json", "--rpc", "http://127.0.0.1:8545"])  # doctest: +SKIP
0
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli import show
from api.cli.errors import ExitCode
from api.cli.options import Out
from api.cli.run import Run, command

if TYPE_CHECKING:
    from api.kernel.bundles import OnChain, Trust
    from api.kernel.checks import Check, Policy

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "verify")(_verify)


def _verify(
    run: Run,
    file: Annotated[str, typer.Argument(metavar="FILE")],
    trust: Annotated[Path | None, typer.Option("--trust", metavar="FILE")] = None,
    rpc: Annotated[str | None, typer.Option("--rpc", metavar="URL")] = None,
    policy: Annotated[Path | None, typer.Option("--policy", metavar="FILE")] = None,
    expect_holder: Annotated[int | None, typer.Option("--expect-holder", metavar="PARTY", min=1)] = None,
    at: Annotated[int | None, typer.Option("--at", metavar="UNIXTIME", min=0)] = None,
    out: Out = None,
) -> int:
    """Verify a proof bundle: every question a named check; the policy draws the verdict."""
    from api.cli.direct import open_chain
    from api.cli.files import read_bytes, write_new
    from api.domains.bills.bundle import BillBundle
    from api.kernel.bundles import EvidenceBundle, kind_of, look_at_chain, read_bundle, read_trust
    from api.kernel.checks import judge

    raw = read_bytes(file)
    bundle: BillBundle | EvidenceBundle
    bundle = read_bundle(raw, BillBundle) if kind_of(raw) == "bill" else read_bundle(raw, EvidenceBundle)
    root = read_trust(read_bytes(trust)) if trust is not None else None
    with ExitStack() as stack:
        on_chain = None
        if rpc is not None:
            chain_id = (root or bundle).chain.id
            on_chain = look_at_chain(stack.enter_context(open_chain(rpc, chain_id)), bundle.chain)
        checks, demanded = _checks(bundle, root, on_chain, holder=expect_holder, now=at)
    if policy is not None:
        demanded = _policy(policy)
    verdict = judge(checks, demanded)
    answer: dict[str, Any] = {
        "file": file,
        "verdict": "pass" if verdict.passed else "fail",
        "reasons": verdict.reasons,
        "policy": {"name": demanded.name, "required": list(demanded.required)},
        "checks": [_shown(check, demanded) for check in checks],
        "time": int(time.time()) if at is None else at,
    }
    if out is not None:
        write_new(out, answer)
    run.result(answer, lambda console: show.verdict(console, run.lang, answer))  # type: ignore[arg-type]
    return ExitCode.OK if verdict.passed else ExitCode.NEGATIVE


def _checks(
    bundle: Any, trust: Trust | None, on_chain: OnChain | None, *, holder: int | None, now: int | None
) -> tuple[list[Check], Policy]:
    from api.domains.bills.bundle import BillBundle
    from api.domains.bills.bundle_checks import BUNDLE_POLICY, check_bundle
    from api.kernel.bundles import EVIDENCE_POLICY, log_checks, whole_check

    if isinstance(bundle, BillBundle):
        return check_bundle(bundle, trust, on_chain, holder=holder, now=now), BUNDLE_POLICY
    return [whole_check(bundle), *log_checks(bundle, trust, on_chain, now=now)], EVIDENCE_POLICY


def _policy(path: Path) -> Policy:
    from api.cli.errors import CliError
    from api.cli.files import read_json
    from api.kernel.checks import Policy

    content = read_json(path)
    name, required = content.get("name"), content.get("required")
    if (
        not isinstance(name, str)
        or not isinstance(required, list)
        or not required
        or not all(isinstance(one, str) for one in required)
    ):
        raise CliError("policy-malformed", ExitCode.LOCAL, file=str(path))
    return Policy(tuple(required), name)


def _shown(check: Check, policy: Policy) -> dict[str, Any]:
    return {
        "name": check.name,
        "result": check.result.value,
        "required": check.name in policy.required,
        "en": check.en,
        "zh": check.zh,
        "scope": check.scope.value,
        "evidence": dict(check.evidence),
        "block": {"number": check.block.number, "hash": check.block.hash} if check.block else None,
    }
