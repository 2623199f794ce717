"""Documents opened and shown on with a party's own key; the gateway that sends them is never believed."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from api.cli.client import Gateway
from api.cli.documents import open_entrusted, open_own, show_on
from api.cli.errors import CliError
from api.cli.keys import Keys
from chain.canonical import canonical
from chain.digests import document_digest, new_seed
from vault.errors import VaultError
from vault.keys import PrivateKey, unwrap, wrap
from vault.sealed import new_document_key, open_sealed, seal

REGISTRY = "0x" + "1f" * 20
DOCUMENT = {"format": "landbridge/example/1", "text": "content"}


class Held(Keys):
    """A party's own reader key, held in memory."""

    def __init__(self, key: PrivateKey) -> None:
        self._key_held = key

    def reader(self) -> PrivateKey:
        return self._key_held


class Sender(Gateway):
    """A gateway that sends one document; what it sends can be changed."""

    def __init__(self, reader: PrivateKey) -> None:
        self.seed = new_seed()
        self.digest = "0x" + document_digest(DOCUMENT, self.seed).hex()
        self.registry_address = REGISTRY
        self.document: Any = DOCUMENT
        self.taker: PrivateKey | None = PrivateKey.generate()
        self.shown: list[tuple[int, bytes]] = []
        self._reader = reader

    def registry(self) -> Any:
        return {"chain_id": 20777, "parties": self.registry_address}

    def context(self) -> dict[str, str | int]:
        return {"chain": 20777, "document": self.digest, "registry": REGISTRY}

    def sealed(self, digest: str) -> dict[str, Any]:
        key = new_document_key()
        body = seal(canonical({"document": self.document, "seed": self.seed.hex()}), key, self.context())
        wrapped = wrap(key, self._reader.public, self.context())
        return {"wrap": wrapped.hex(), "ciphertext": base64.b64encode(body).decode()}

    def open(self, digest: str) -> dict[str, Any]:
        return {"document": self.document, "seed": self.seed.hex()}

    def party(self, number: int) -> Any:
        return {"reader_key": self.taker.public.hex() if self.taker else None}

    def show(self, digest: str, party: int, wrap: bytes | None = None) -> None:
        assert wrap is not None
        self.shown.append((party, wrap))


@pytest.fixture
def own() -> PrivateKey:
    return PrivateKey.generate()


def test_opened_with_the_partys_own_key(own: PrivateKey) -> None:
    sender = Sender(own)
    assert open_own(sender, sender.digest, Held(own))["document"] == DOCUMENT
    assert open_entrusted(sender, sender.digest)["document"] == DOCUMENT


def test_another_document_is_refused(own: PrivateKey) -> None:
    sender = Sender(own)
    sender.document = DOCUMENT | {"text": "altered"}
    for opened in (
        lambda: open_own(sender, sender.digest, Held(own)),
        lambda: open_entrusted(sender, sender.digest),
    ):
        with pytest.raises(CliError, match="document-other"):
            opened()
    sender.document = None
    with pytest.raises(CliError, match="document-other"):
        open_entrusted(sender, sender.digest)


def test_another_reader_or_registry_opens_nothing(own: PrivateKey) -> None:
    sender = Sender(own)
    with pytest.raises(VaultError):
        open_own(sender, sender.digest, Held(PrivateKey.generate()))
    sender.registry_address = "0x" + "22" * 20
    with pytest.raises(VaultError):
        open_own(sender, sender.digest, Held(own))


def test_shown_on_so_that_the_taker_opens_it(own: PrivateKey) -> None:
    sender = Sender(own)
    sealed = sender.sealed(sender.digest)
    sender.sealed = lambda digest: sealed  # type: ignore[method-assign]
    show_on(sender, sender.digest, Held(own), 7)
    ((party, wrapped),) = sender.shown
    assert party == 7
    assert sender.taker is not None
    key = unwrap(wrapped, sender.taker, sender.context())
    assert b"content" in open_sealed(base64.b64decode(sealed["ciphertext"]), key, sender.context())


def test_a_taker_without_a_reader_key(own: PrivateKey) -> None:
    sender = Sender(own)
    sender.taker = None
    with pytest.raises(CliError, match="reader-key-missing"):
        show_on(sender, sender.digest, Held(own), 7)


def test_a_carriers_own_key_signs_only_for_its_own_document_and_note(own: PrivateKey) -> None:
    from api.cli.acts import Doer
    from api.cli.bill_acts import _check_stored
    from api.cli.run import Globals, Run
    from api.domains.bills.document import check_value, identity_of, note_fingerprint, sample

    sender = Sender(own)
    report = check_value(sample("chongqing-duisburg"))
    sender.document = report.value
    sender.digest = "0x" + document_digest(report.value, sender.seed).hex()
    run, doer = Run(Globals()), Doer(sender, Held(own))
    run.gateway = sender
    note = "0x" + note_fingerprint(identity_of(report.require().note)).hex()
    _check_stored(run, doer, sender.digest, note, report)
    with pytest.raises(CliError, match="prepared-other"):
        _check_stored(run, doer, sender.digest, "0x" + "00" * 32, report)
    other = check_value(sample("astana-chengdu"))
    with pytest.raises(CliError, match="document-other"):
        _check_stored(run, doer, sender.digest, note, other)
