"""Sealed headers of a QBFT chain: who signed one, and so whether it stands for good (docs/proof-bundle.md).

- A header is sealed when its mix hash is QBFT's, its extra data names exactly the validators that are trusted
  for its number, and at least ⌈2n/3⌉ of these n signed it.
- Each seal is one trusted validator's, and no validator seals twice: a header with others is no sealed one,
  however many good seals stand beside them.
- What is signed is the header with its seals emptied; its hash is that of the header with seals and round
  emptied (Besu's BftBlockHashing and QbftExtraDataCodec; tests/vectors/qbft.json).

>>> header = parse_header(raw)                                         # doctest: +SKIP
>>> verify_sealed(header, [Era(0, frozenset(addresses))])              # doctest: +SKIP
>>> header.number, header.hash, header.state_root                      # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final

import coincurve
import rlp

from chain.intents import Address, address_of, keccak
from chain.rlpread import Item, ProofError, RlpError, as_bytes, as_list, number, read_list

__all__ = [
    "MIX_HASH",
    "Era",
    "ExtraData",
    "Header",
    "HeaderError",
    "NotSealedError",
    "parse_extra",
    "parse_header",
    "quorum",
    "verify_sealed",
]

MIX_HASH: Final = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")
"""What stands in a QBFT header's mix hash (EIP-650)."""

_MAX_HEADER: Final = 1 << 17
_LEAST_FIELDS: Final = 15
_EXTRA: Final = 12


class HeaderError(ProofError):
    """Bytes that are no QBFT chain's header."""

    code: ClassVar[str] = "header-malformed"


class NotSealedError(ProofError):
    """A header that the trusted validators did not seal."""

    code: ClassVar[str] = "header-not-sealed"


@dataclass(frozen=True, slots=True)
class Era:
    """Who validates from a block on, until the next era."""

    since: int
    validators: frozenset[Address]


@dataclass(frozen=True, slots=True)
class ExtraData:
    """What QBFT keeps in a header's extra data; ``vote`` is kept as it came."""

    vanity: bytes
    validators: tuple[Address, ...]
    vote: tuple[bytes, ...]
    round: int
    seals: tuple[bytes, ...]

    def encoded(self, *, with_round: bool = True, with_seals: bool = True) -> bytes:
        """The bytes; of what is left out an empty value stays."""
        validators = [bytes.fromhex(one[2:]) for one in self.validators]
        round_ = self.round if with_round else 0
        seals = list(self.seals) if with_seals else []
        return bytes(rlp.encode([self.vanity, validators, list(self.vote), round_, seals]))


@dataclass(frozen=True)
class Header:
    """A block's header; ``fields`` are its RLP items, as many as its fork has."""

    fields: tuple[bytes, ...]
    number: int
    timestamp: int
    """Seconds of Unix time."""
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    mix_hash: bytes
    extra: ExtraData

    @cached_property
    def hash(self) -> str:
        """The block's hash, as nodes name it. (The first block's is that of the header as it is.)"""
        as_it_is = self.number == 0
        return "0x" + keccak(self._with(self.extra.encoded(with_round=as_it_is, with_seals=as_it_is))).hex()

    @cached_property
    def sealed_hash(self) -> bytes:
        """What the validators signed."""
        return keccak(self._with(self.extra.encoded(with_seals=False)))

    @cached_property
    def encoded(self) -> bytes:
        """The header with its seals."""
        return self._with(self.extra.encoded())

    def _with(self, extra: bytes) -> bytes:
        fields = [*self.fields]
        fields[_EXTRA] = extra
        return bytes(rlp.encode(fields))


def parse_header(raw: bytes) -> Header:
    """Read a header, its seals included.

    :raises HeaderError: it is none of a QBFT chain's
    """
    try:
        fields = tuple(as_bytes(item) for item in read_list(raw, max_bytes=_MAX_HEADER))
        if len(fields) < _LEAST_FIELDS:
            raise RlpError("the RLP has not the shape that belongs there")
        return Header(
            fields=fields,
            state_root=as_bytes(fields[3], size=32),
            transactions_root=as_bytes(fields[4], size=32),
            receipts_root=as_bytes(fields[5], size=32),
            number=number(fields[8], bits=53),
            timestamp=number(fields[11], bits=53),
            mix_hash=as_bytes(fields[13], size=32),
            extra=parse_extra(fields[_EXTRA]),
        )
    except RlpError as error:
        raise HeaderError(f"a header is malformed: {error.sentence}") from None


def parse_extra(raw: bytes) -> ExtraData:
    """Read a header's extra data: RLP ``[vanity, validators, vote, round, seals]``.

    :raises RlpError: it is none of QBFT's
    """
    vanity, validators, vote, round_, seals = as_list(read_list(raw, max_bytes=_MAX_HEADER), count=5)
    return ExtraData(
        vanity=as_bytes(vanity, size=32),
        validators=tuple(Address("0x" + as_bytes(one, size=20).hex()) for one in as_list(validators)),
        vote=_vote(vote),
        round=number(round_, bits=32),
        seals=tuple(as_bytes(seal, size=65) for seal in as_list(seals)),
    )


def _vote(item: Item) -> tuple[bytes, ...]:
    vote = as_list(item)
    if not vote:
        return ()
    recipient, wish = as_list(vote, count=2)
    if wish not in (b"", b"\xff"):
        raise RlpError("the RLP has not the shape that belongs there")
    return as_bytes(recipient, size=20), as_bytes(wish)


def quorum(validators: int) -> int:
    """How many of so many validators must sign: ⌈2n/3⌉."""
    return -(-2 * validators // 3)


def verify_sealed(header: Header, eras: Sequence[Era]) -> None:
    """Check that the validators trusted for this header's number sealed it.

    :param eras: in ascending order
    :raises NotSealedError: they did not
    """
    where: dict[str, str | int] = {"block": header.number}
    trusted = next((era.validators for era in reversed(eras) if era.since <= header.number), frozenset())
    if not trusted:
        raise NotSealedError(f"nobody is trusted to seal block {header.number}", params=where)
    extra = header.extra
    if header.mix_hash != MIX_HASH:
        raise NotSealedError(f"block {header.number} is no QBFT block", params=where)
    if len(extra.validators) != len(trusted) or set(extra.validators) != trusted:
        raise NotSealedError(f"block {header.number} names other validators than those trusted", params=where)
    if not quorum(len(trusted)) <= len(extra.seals) <= len(trusted):
        raise NotSealedError(f"too few validators sealed block {header.number}, or too many", params=where)
    signers = {_signer(header.sealed_hash, seal) for seal in extra.seals}
    if len(signers) != len(extra.seals) or not signers <= trusted:
        raise NotSealedError(f"a seal of block {header.number} is no trusted validator's", params=where)


def _signer(digest: bytes, seal: bytes) -> Address | None:
    if seal[64] > 1:
        return None
    try:
        key = coincurve.PublicKey.from_signature_and_message(seal, digest, hasher=None)
    except Exception:  # the library raises bare Exception and ValueError
        return None
    return address_of(key.format(compressed=False))
