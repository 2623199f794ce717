"""Documents on the party's own side: opened with its own reader key, checked, and shown on to others.

What the gateway sends is believed in nothing: a document counts only if its digest, computed here from its
seed, is the bill's.

>>> content = open_own(gateway, digest, keys)  # doctest: +SKIP
>>> content["document"]["format"]              # doctest: +SKIP
'landbridge/rail-bill/1'
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from api.cli.client import Gateway
from api.cli.errors import CliError, ExitCode
from api.cli.files import BILL_FILE

if TYPE_CHECKING:
    from api.cli.keys import Keys
    from vault.sealed import DocumentKey

__all__ = ["bill_file", "open_entrusted", "open_own", "show_on"]


def open_entrusted(gateway: Gateway, digest: str) -> dict[str, Any]:
    """A document and its seed, opened by the gateway with the caller's entrusted key.

    :raises CliError: what came is not the document of that digest
    """
    opened = gateway.open(digest)
    return _checked(digest, opened.get("document"), opened.get("seed"))


def open_own(gateway: Gateway, digest: str, keys: Keys) -> dict[str, Any]:
    """A document and its seed, opened here with the party's own reader key.

    :raises CliError: what came is not the document of that digest
    :raises VaultError: it does not open with this key
    """
    from chain.canonical import parse
    from vault.sealed import open_sealed

    key, ciphertext = _key_of(gateway, digest, keys)
    body: Any = parse(open_sealed(ciphertext, key, _context(gateway, digest)))
    content = body if isinstance(body, dict) else {}
    return _checked(digest, content.get("document"), content.get("seed"))


def show_on(gateway: Gateway, digest: str, keys: Keys, to: int) -> None:
    """Wrap a document's key for another party, here, and hand in the wrap: so the taker can read it.

    :raises CliError: the taker has no reader key
    """
    from vault.keys import PublicKey, wrap

    taker = gateway.party(to)["reader_key"]
    if not taker:
        raise CliError("reader-key-missing", ExitCode.REFUSED, party=to)
    key, _ = _key_of(gateway, digest, keys)
    gateway.show(digest, to, wrap(key, PublicKey(bytes.fromhex(taker)), _context(gateway, digest)))


def bill_file(bill: str, content: dict[str, Any]) -> dict[str, Any]:
    """A bill file's content."""
    return {"format": BILL_FILE, "bill": bill, "document": content["document"], "seed": content["seed"]}


def _key_of(gateway: Gateway, digest: str, keys: Keys) -> tuple[DocumentKey, bytes]:
    from vault.keys import unwrap

    sealed = gateway.sealed(digest)
    try:
        wrapped, ciphertext = bytes.fromhex(sealed["wrap"]), base64.b64decode(sealed["ciphertext"])
    except ValueError:
        raise CliError("document-other", ExitCode.REFUSED, digest=digest) from None
    return unwrap(wrapped, keys.reader(), _context(gateway, digest)), ciphertext


def _context(gateway: Gateway, digest: str) -> dict[str, str | int]:
    about = gateway.registry()
    return {"chain": about["chain_id"], "document": digest, "registry": about["parties"]}


def _checked(digest: str, document: Any, seed: Any) -> dict[str, Any]:
    from chain.digests import Seed, document_digest

    try:
        sound = "0x" + document_digest(document, Seed(bytes.fromhex(seed))).hex() == digest
    except (TypeError, ValueError):
        sound = False
    if not sound:
        raise CliError("document-other", ExitCode.REFUSED, digest=digest)
    return {"document": document, "seed": seed}
