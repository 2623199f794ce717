"""Keys that sign: one Protocol, and keys kept in keystore v3 files.

A signer signs acts and knows its own account; it never gives its key away. Most sign any 32-byte digest too
(:class:`Signer`); one elsewhere wants to see the act (:class:`ActSigner`). Keys in hardware tokens are in
:mod:`chain.hsm`, remote signers in :mod:`chain.remote`.

>>> signer = KeySigner(bytes(31) + b"\\x01")
>>> signer.address
'0x7e5f4552091a69125d5dfcb7b8c2659029395bdf'
"""

from __future__ import annotations

import json
import os
import re
import secrets
from pathlib import Path
from typing import ClassVar, Protocol, TypedDict

import coincurve
import rlp
from eth_keyfile.keyfile import create_keyfile_json, decode_keyfile_json

from chain.errors import LandbridgeError
from chain.intents import Act, Address, BadSignatureError, Domain, Signature, address_of, keccak, recover

__all__ = [
    "ActSigner",
    "KeySigner",
    "Keystore",
    "KeystoreError",
    "Signer",
    "SignerError",
    "Transaction",
    "UntrueSignatureError",
    "checked",
    "read_keystore",
    "sign_transaction",
]

_KDF_WORK = 1 << 14
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


class KeystoreError(LandbridgeError):
    """A key file that is missing, damaged, or locked by another password."""

    code: ClassVar[str] = "keystore"


class SignerError(LandbridgeError):
    """A key that cannot be used now, although it may be later. Nothing was signed."""

    code: ClassVar[str] = "signer"


class UntrueSignatureError(SignerError):
    """What a token or a remote signer gave is not its key's signature; it goes nowhere. Params: ``why``."""

    code: ClassVar[str] = "signature-untrue"


class Transaction(TypedDict):
    """A legacy transaction before it is signed; amounts in wei."""

    to: Address | None
    value: int
    data: bytes
    gas: int
    gasPrice: int
    nonce: int
    chainId: int


class ActSigner(Protocol):
    """What signs acts for one account."""

    @property
    def address(self) -> Address:
        """The account."""
        ...

    def sign_act(self, act: Act, domain: Domain) -> Signature:
        """Sign an act; the signature is low-s.

        :raises SignerError: the key cannot be used now
        """
        ...


class Signer(ActSigner, Protocol):
    """What signs for one account whatever it is given."""

    def sign(self, digest: bytes) -> Signature:
        """Sign 32 bytes; the signature is low-s.

        :raises SignerError: the key cannot be used now
        """
        ...


class KeySigner:
    """A signer whose key is in memory.

    :param secret: the private key, 32 bytes
    """

    def __init__(self, secret: bytes) -> None:
        self._key = coincurve.PrivateKey(secret)
        self.address = address_of(self._key.public_key.format(compressed=False))

    def sign(self, digest: bytes) -> Signature:
        return Signature.from_rsv(self._key.sign_recoverable(digest, hasher=None))

    def sign_act(self, act: Act, domain: Domain) -> Signature:
        return self.sign(act.digest(domain))

    def __repr__(self) -> str:
        return f"KeySigner({self.address})"


class Keystore:
    """A folder of keystore v3 files (Web3 Secret Storage Definition), one per account.

    :param folder: made with mode 0700 when the first key is stored
    :param password: what the files are locked with
    """

    def __init__(self, folder: Path, password: str) -> None:
        self._folder = folder
        self._password = password.encode()
        self._open: dict[Address, KeySigner] = {}

    def create(self) -> KeySigner:
        """Make a key, store it durably, and return its signer."""
        secret = secrets.token_bytes(32)
        signer = KeySigner(secret)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A random 256-bit password is what the gateway sets; the KDF's work guards a weaker one.
        content = create_keyfile_json(secret, self._password, kdf="scrypt", iterations=_KDF_WORK)
        path = self._path(signer.address)
        temporary = path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._open[signer.address] = signer
        return signer

    def __contains__(self, address: object) -> bool:
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
            return False
        return address in self._open or self._path(Address(address)).exists()

    def signer(self, address: Address) -> KeySigner:
        """The signer of a stored key.

        :raises KeystoreError: no such key, a damaged file, another account's key in it, or another password
        """
        if address not in self._open:
            signer = read_keystore(self._path(address), self._password.decode())
            if signer.address != address.lower():
                raise KeystoreError("the key file holds the key of another account")
            self._open[address] = signer
        return self._open[address]

    def _path(self, address: Address) -> Path:
        if not _ADDRESS.fullmatch(address):
            raise KeystoreError("there is no key file for this account")
        return self._folder / f"{address[2:].lower()}.json"


def read_keystore(path: Path, password: str) -> KeySigner:
    """The signer of one keystore v3 file.

    :raises KeystoreError: missing, damaged, or locked by another password
    """
    try:
        content = json.loads(path.read_text())
        return KeySigner(decode_keyfile_json(content, password.encode()))
    except FileNotFoundError as error:
        raise KeystoreError("there is no key file for this account") from error
    except Exception as error:  # the library raises many kinds for damage and for a wrong password
        raise KeystoreError("the key file is damaged or has another password") from error


def checked(signature: Signature, digest: bytes, address: Address) -> Signature:
    """A signature, if it is this account's over this digest.

    :raises UntrueSignatureError: it is another's, or nobody's
    """
    try:
        found = recover(digest, signature)
    except BadSignatureError as error:
        raise UntrueSignatureError("what came is no signature", params={"why": "no-signature"}) from error
    if found != address:
        raise UntrueSignatureError("the signature is another key's", params={"why": "another-key"})
    return signature


def sign_transaction(signer: Signer, transaction: Transaction) -> tuple[bytes, str]:
    """Sign a legacy transaction with EIP-155 replay protection, which every chain of ours takes.

    :param transaction: its fields
    :return: the raw transaction and its hash in hex with 0x
    """
    chain_id = transaction["chainId"]
    body = [
        transaction["nonce"],
        transaction["gasPrice"],
        transaction["gas"],
        bytes.fromhex(transaction["to"][2:]) if transaction["to"] else b"",
        transaction["value"],
        transaction["data"],
    ]
    rsv = signer.sign(keccak(rlp.encode([*body, chain_id, 0, 0]))).rsv
    v = rsv[64] - 27 + 35 + 2 * chain_id
    raw: bytes = rlp.encode([*body, v, int.from_bytes(rsv[:32], "big"), int.from_bytes(rsv[32:64], "big")])
    return raw, "0x" + keccak(raw).hex()
