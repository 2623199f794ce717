"""A signed act sent to the chain as a transaction, with no gateway in between.

Any account may send it: the sender pays for gas and decides nothing. So where gas is free, a key made for the
moment sends it.

>>> with open_chain("http://127.0.0.1:8545", act_file) as chain:     # doctest: +SKIP
...     send(chain, act_file, sender=None).status
'done'
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from api.cli.acts import act_of, room_of_domain
from api.cli.errors import CliError, ExitCode
from api.kernel.house import INTENT_REFUSALS
from api.kernel.room import Room
from chain.claims import gas_for
from chain.client import Chain, Receipt
from chain.contracts import Artifact, Reverted, encode_intents
from chain.intents import Address, Signature, Wire
from chain.node import NodeRefusedError, open_node
from chain.signers import KeySigner, Signer, Transaction, sign_transaction

__all__ = ["RefusedByContractError", "Sent", "attempt", "open_chain", "send"]

_RECEIPT_SECONDS = 60.0
_PAUSE = 0.2
_LARGEST_GAS = 16_777_216  # EIP-7825: what a transaction may ask for at most


class RefusedByContractError(CliError):
    """The contract would refuse the act, or refused it; ``error`` is its own name for the reason."""

    def __init__(self, room: Room, reverted: Reverted, **where: str | int) -> None:
        refusal = room.refusals.get(reverted.name) or INTENT_REFUSALS.get(reverted.name)
        super().__init__(
            "refused-by-contract",
            ExitCode.REFUSED,
            error=reverted.name,
            arguments=_shown(reverted.arguments),
            sentence=refusal.sentence if refusal else "",
            **where,
        )
        self.error = reverted.name
        self.reason = refusal.code if refusal else "refused-by-chain"


@dataclass(frozen=True)
class Sent:
    """An act that went to the chain directly, and what became of it."""

    digest: str
    act: str
    status: Literal["done", "refused"]
    error: str | None
    reason: str | None
    transaction: str
    block: int
    gas_used: int
    sender: str


@dataclass(frozen=True)
class _Ready:
    room: Room
    artifact: Artifact
    contract: Address
    digest: bytes
    act: str
    wire: Wire
    further: list[Signature]


@contextmanager
def open_chain(address: str, chain_id: int) -> Iterator[Chain]:
    """The chain at an address: ``http(s)://…``, or ``embedded:FILE`` while no gateway has it open.

    :raises CliError: no such file
    :raises NodeError: the node is down, busy, or of another chain
    """
    path = Path(address.removeprefix("embedded:"))
    if address.startswith("embedded:") and not path.is_file():
        raise CliError("file-missing", ExitCode.LOCAL, file=str(path))
    if not address.startswith(("embedded:", "http://", "https://")):
        raise CliError("node-address", ExitCode.USAGE, address=address)
    node = open_node(address, chain_id=chain_id)
    try:
        yield Chain(node)
    finally:
        node.close()


def attempt(chain: Chain, content: Mapping[str, Any]) -> None:
    """Ask the contract whether it would take a signed act now; nothing is sent.

    :raises RefusedByContractError: it would not
    :raises CliError: there is no contract at the address
    """
    _attempt(chain, _ready(content))


def send(chain: Chain, content: Mapping[str, Any], *, sender: Signer | None, try_first: bool = True) -> Sent:
    """Send a signed act and wait until it is mined.

    :param content: an act file
    :param sender: who pays; may be left out where gas is free
    :param try_first: ask the contract first, and send nothing that it would refuse
    :raises RefusedByContractError: the contract would refuse it
    :raises CliError: no contract stands at the address, nobody pays for gas, or it was not mined in time
    :raises NodeError: the node cannot be asked, or did not take the transaction
    """
    ready = _ready(content)
    _check_contract(chain, ready)
    if try_first:
        _attempt(chain, ready)
    price = chain.gas_price()
    if sender is None and price > 0:
        raise CliError("gas-needs-sender", ExitCode.USAGE, price=price)
    payer = sender or KeySigner(secrets.token_bytes(32))
    payload = encode_intents(ready.artifact, [(ready.wire, ready.further)])
    gas = _gas(chain, ready, payload)
    offered = price * 5 // 4
    funds = chain.balance(payer.address)
    if funds < gas * offered:
        raise CliError(
            "sender-without-funds",
            ExitCode.REFUSED,
            sender=payer.address,
            needed=gas * offered,
            found=funds,
        )
    transaction = Transaction(
        to=ready.contract,
        value=0,
        data=payload,
        gas=gas,
        gasPrice=offered,
        nonce=chain.nonce(payer.address, "pending"),
        chainId=chain.chain_id(),
    )
    raw, hash_ = sign_transaction(payer, transaction)
    try:
        chain.send_raw(raw)
    except NodeRefusedError as error:
        if error.revert_data is not None:  # a gateway's JSON-RPC takes only what the contract would take
            raise RefusedByContractError(ready.room, ready.artifact.reverted(error.revert_data)) from None
        if error.reason != "already-known":
            raise
    return _result(chain, ready, payer, _wait(chain, hash_))


def _ready(content: Mapping[str, Any]) -> _Ready:
    typed = content["typed_data"]
    act, _, domain = act_of(typed)
    room = room_of_domain(typed["domain"])
    signatures = [Signature.from_rsv(_hex(one)) for one in content.get("signatures", [])]
    if not signatures:
        raise CliError("not-signed", ExitCode.LOCAL)
    first, *further = signatures
    return _Ready(
        room,
        Artifact.load(room.contract),
        domain.verifying_contract,
        act.digest(domain),
        act.type.name,
        act.wire(first, cosigners=len(further)),
        further,
    )


def _hex(value: str) -> bytes:
    try:
        return bytes.fromhex(value.removeprefix("0x"))
    except ValueError:
        return b""


def _check_contract(chain: Chain, ready: _Ready) -> None:
    if not chain.code(ready.contract):
        raise CliError("no-contract", ExitCode.REFUSED, contract=ready.contract)


def _attempt(chain: Chain, ready: _Ready) -> None:
    # A call to an address without code succeeds, so that is asked before.
    _check_contract(chain, ready)
    try:
        chain.call(ready.contract, encode_intents(ready.artifact, [(ready.wire, ready.further)]))
    except NodeRefusedError as error:
        if error.revert_data is None:
            raise
        raise RefusedByContractError(ready.room, ready.artifact.reverted(error.revert_data)) from None


def _gas(chain: Chain, ready: _Ready, payload: bytes) -> int:
    cap = chain.call(ready.contract, ready.artifact.encode("INTENT_GAS"))
    block = chain.block("latest")
    limit = min(block.gas_limit if block else _LARGEST_GAS, _LARGEST_GAS)
    intent_gas = int(ready.artifact.decode("INTENT_GAS", cap))
    return gas_for(acts=1, calldata=len(payload), intent_gas=intent_gas, attempts=0, limit=limit)


def _wait(chain: Chain, hash_: str) -> Receipt:
    end = time.monotonic() + _RECEIPT_SECONDS
    while True:
        receipt = chain.receipt(hash_)
        if receipt is not None:
            return receipt
        if time.monotonic() > end:
            raise CliError("not-mined", ExitCode.UNREACHABLE, transaction=hash_)
        time.sleep(_PAUSE)


def _result(chain: Chain, ready: _Ready, payer: Signer, receipt: Receipt) -> Sent:
    refusal: RefusedByContractError | None = None
    if not receipt.succeeded:
        # A receipt has no reason; what overtook the act still stands in its way, so the contract names it.
        try:
            _attempt(chain, ready)
            refusal = RefusedByContractError(ready.room, Reverted("Unknown", {}))
        except RefusedByContractError as error:
            refusal = error
    return Sent(
        digest="0x" + ready.digest.hex(),
        act=ready.act,
        status="refused" if refusal else "done",
        error=refusal.error if refusal else None,
        reason=refusal.reason if refusal else None,
        transaction=receipt.transaction_hash,
        block=receipt.block_number,
        gas_used=receipt.gas_used,
        sender=payer.address,
    )


def _shown(arguments: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {'0x' + value.hex() if isinstance(value, bytes) else value}"
        for name, value in arguments.items()
    )
