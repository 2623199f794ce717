"""The keys that parties entrusted to this gateway: in its keystore, a hardware token, a signing service.

>>> ring = KeyRing.open(settings, keystore)      # doctest: +SKIP
>>> ring.signer(address).sign_act(act, domain)   # doctest: +SKIP
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

from api.settings import Settings, SettingsError
from chain.canonical import JsonError, parse
from chain.errors import LandbridgeError
from chain.hsm import Hsm, HsmKeyMissingError
from chain.hsm_uri import parse_uri
from chain.intents import Address
from chain.remote import RemoteSigner, read_place
from chain.signers import ActSigner, Keystore

__all__ = ["KeyNotHereError", "KeyRing"]

_FORM = "landbridge/remote-signers/1"
_LARGEST = 1 << 20


class KeyNotHereError(LandbridgeError):
    """This gateway cannot sign for the account that is to be entrusted to it."""

    code: ClassVar[str] = "key-not-here"


class KeyRing:
    """Finds the signer of an account.

    :param hsm: the token, if the gateway has one
    :param remote: accounts behind signing services
    :param make_in: where new keys are made
    """

    def __init__(
        self,
        keystore: Keystore,
        *,
        hsm: Hsm | None = None,
        remote: Mapping[Address, RemoteSigner] | None = None,
        make_in: Literal["keystore", "hsm"] = "keystore",
    ) -> None:
        if make_in == "hsm" and hsm is None:
            raise SettingsError(
                "entrusted keys are to be made in a token: name it with LANDBRIDGE_HSM",
                params={"setting": "LANDBRIDGE_HSM"},
            )
        self._keystore = keystore
        self._hsm = hsm
        self._remote = dict(remote or {})
        self._make_in = make_in
        self._of_hsm: dict[str, ActSigner] = {}
        self._looking = threading.Lock()

    @classmethod
    def open(cls, settings: Settings, keystore: Keystore) -> KeyRing:
        """The ring that the settings describe. Neither token nor service is asked for anything yet.

        :raises HsmUriError: the token's address is malformed
        :raises RemoteSettingsError: a signing service is described wrongly
        :raises SettingsError: a file cannot be read, or the token is not named
        """
        hsm = None
        if settings.hsm:
            uri = parse_uri(settings.hsm)
            hsm = Hsm(
                replace(
                    uri,
                    module=uri.module or settings.hsm_module,
                    pin_file=uri.pin_file or settings.hsm_pin_file,
                ),
                timeout=settings.signer_timeout,
                sessions=settings.hsm_sessions,
            )
        return cls(keystore, hsm=hsm, remote=_remote(settings), make_in=settings.entrusted_keys)

    def create(self) -> ActSigner:
        """Make a key where new ones are to be made.

        :raises SignerError: the token cannot be used
        """
        if self._make_in == "keystore" or self._hsm is None:
            return self._keystore.create()
        # A name of its own: the account is known only once the key is there.
        key = self._hsm.new_key(f"landbridge-{secrets.token_hex(8)}")
        signer = self._hsm.signer(key)
        with self._looking:
            self._of_hsm[key.address] = signer
        return signer

    def signer(self, address: str) -> ActSigner | None:
        """The signer of an account; nothing if its key is none of this gateway's.

        :raises KeystoreError: its file cannot be used
        :raises SignerError: the token cannot be asked, and it might be there
        """
        if address in self._keystore:
            return self._keystore.signer(Address(address))
        return self.elsewhere(address)

    def elsewhere(self, address: str) -> ActSigner | None:
        """The same, but not of the keystore, which holds this gateway's own keys too.

        :raises SignerError: the token cannot be asked, and it might be there
        """
        if address in self._remote:
            return self._remote[Address(address)]
        return self._found_in_hsm(address)

    def close(self) -> None:
        """Log out of the token."""
        if self._hsm is not None:
            self._hsm.close()

    def _found_in_hsm(self, address: str) -> ActSigner | None:
        if self._hsm is None:
            return None
        with self._looking:
            known = self._of_hsm.get(address)
        if known is None:
            try:
                known = self._hsm.signer(self._hsm.find(address=address))
            except HsmKeyMissingError:
                return None
            with self._looking:
                self._of_hsm[address] = known
        return known


def _remote(settings: Settings) -> dict[Address, RemoteSigner]:
    path = settings.remote_signers
    if path is None:
        return {}
    wrong = SettingsError(
        "the file named by LANDBRIDGE_REMOTE_SIGNERS cannot be used",
        params={"setting": "LANDBRIDGE_REMOTE_SIGNERS"},
    )
    try:
        content: Any = parse(path.read_bytes(), max_bytes=_LARGEST)
    except (OSError, JsonError) as error:
        raise wrong from error
    listed = content.get("signers") if isinstance(content, dict) else None
    if not isinstance(listed, list) or content.get("format") != _FORM or len(content) != 2:
        raise wrong
    found: dict[Address, RemoteSigner] = {}
    for one in listed:
        signer = RemoteSigner(read_place(one if isinstance(one, dict) else {}, beside=path.parent))
        if signer.address in found:
            raise wrong
        found[signer.address] = signer
    return found
