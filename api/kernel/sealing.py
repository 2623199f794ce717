"""The sealed part of a bundle, made: what its checks ask of the chain, with proofs (docs/proof-bundle.md).

The checks' own questions are asked of a prover; what it had to fetch for them is the sealed part. It is then
read once more as a verifier would, so that none is given out that cannot be used. It needs a QBFT chain and a
node that knows ``eth_getProof``; without them a bundle is made without a sealed part, and the reason told.

>>> part, reason = sealed_part(house, bundle, lambda chain: ask(bundle, signed, chain))  # doctest: +SKIP
>>> sorted(part)                                                                         # doctest: +SKIP
['codes', 'headers', 'nodes', 'transactions']
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from api.kernel.bundle_form import Bundle, SealedPart
from api.kernel.bundles import look
from api.kernel.onchain import OnChain, read_sealed, sealed_view
from chain.intents import Address
from chain.node import NodeError
from chain.prover import Prover, open_prover
from chain.qbft import Era, parse_header
from chain.rlpread import ProofError

if TYPE_CHECKING:
    from api.kernel.house import House

__all__ = ["UNSEALED", "UNSEALED_HEADER", "sealed_part"]

UNSEALED: Final = "landbridge-unsealed"
"""The response header that says why a bundle has no sealed part."""

UNSEALED_HEADER: Final = {
    UNSEALED: {
        "description": "Why the file has no sealed part, where it has none: it is then verified with a node",
        "schema": {"type": "string"},
    }
}

_LOG = logging.getLogger(__name__)


def sealed_part(
    house: House, bundle: Bundle, ask: Callable[[OnChain], Any], *, acts: int = 0
) -> tuple[dict[str, Any] | None, str]:
    """Make the sealed part of a bundle. Never fails: a bundle without one is a bundle.

    :param ask: what the bundle's room asks of the chain
    :param acts: how many acts the bundle shows
    :return: the part; or nothing, and why in a sentence
    """
    try:
        prover = open_prover(house.chain.node)
        part = _asked(prover, bundle, ask)
        _read_again(part, bundle, ask, acts)
    except (ProofError, NodeError) as error:
        _LOG.info("a bundle has no sealed part: %s", error.sentence, extra={"code": error.code})
        return None, error.sentence
    return part, ""


def _asked(prover: Prover, bundle: Bundle, ask: Callable[[OnChain], Any]) -> dict[str, Any]:
    contracts = bundle.chain.contracts
    codes = {name: prover.code(Address(address)) for name, address in contracts.items()}
    _all_read(bundle, sealed_view(prover, contracts, codes), ask)
    return {
        "headers": [_hex(one) for one in prover.headers],
        "transactions": prover.places,
        "codes": {name: _hex(code) for name, code in codes.items()},
        "nodes": [_hex(one) for one in prover.nodes],
    }


def _read_again(part: dict[str, Any], bundle: Bundle, ask: Callable[[OnChain], Any], acts: int) -> None:
    """Read the part as a verifier would that trusts whoever these headers name."""
    shape = SealedPart.model_validate(part)
    headers = [parse_header(bytes.fromhex(one[2:])) for one in shape.headers]
    eras = [Era(one.number, frozenset(one.extra.validators)) for one in headers]
    _all_read(bundle, read_sealed(shape, bundle.chain.contracts, eras, most=acts + 2), ask)


def _all_read(bundle: Bundle, view: OnChain, ask: Callable[[OnChain], Any]) -> None:
    seen = look(bundle, view, ask)
    if seen is None or seen.fault is not None:
        raise ProofError(seen.fault if seen and seen.fault else "the chain cannot be read")


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()
