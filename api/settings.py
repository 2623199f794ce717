"""What the operator sets: one typed object, read once at start.

Every value comes from the environment (``LANDBRIDGE_…``); every secret may come from a file instead
(``LANDBRIDGE_…_FILE``). In development the secrets are made at first start and kept in the data folder with
mode 0600; in production they must be given.

>>> Settings(data_dir=Path("/tmp/x")).database_url.startswith("sqlite:///")
True
"""

from __future__ import annotations

import ipaddress
import os
import secrets
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chain.errors import LandbridgeError

__all__ = ["Settings", "SettingsError"]

_SECRETS = ("keystore_password", "tag_key")


class SettingsError(LandbridgeError):
    """A setting that is missing or cannot be used."""

    code: ClassVar[str] = "settings"


class Settings(BaseSettings):
    """The gateway's settings."""

    model_config = SettingsConfigDict(env_prefix="LANDBRIDGE_", frozen=True, extra="ignore")

    environment: Literal["development", "production"] = "development"
    data_dir: Path = Path(".landbridge")
    database_url: str = ""
    blobs_url: str = ""
    node: str = "embedded"
    """``embedded``, or the address of a JSON-RPC node."""
    chain_id: int = Field(default=20777, ge=1, lt=2**53)
    confirmations: int = Field(default=1, ge=1, le=1000)
    """Blocks, the act's own included, after which it counts as done."""
    independent_chain: str = ""
    """Who runs the chain, where that is not this gateway's operator; else no verdict calls an act final."""
    node_timeout: float = Field(default=10, gt=0, le=120)
    host: str = "127.0.0.1"
    port: int = Field(default=8600, ge=0, le=65535)
    max_body: int = Field(default=4_000_000, ge=1024)
    """Bytes of a request's body; more is refused unread."""
    wait_limit: float = Field(default=30, ge=0, le=300)
    """Seconds that a request may wait for its act to be mined."""
    log_window: float = Field(default=0.1, ge=0.01, le=3600)
    """Seconds between two heads of the log at least; each is anchored."""
    validators_file: Path | None = None
    """Who validates the chain, where it is QBFT: the ``validators`` of a trust root (docs/proof-bundle.md).
    It is only passed on by ``/v1/trust``; nothing here depends on it."""
    scrub_interval: float = Field(default=86_400, ge=0)
    """Seconds from the beginning of one pass over all that is stored to that of the next; 0: when asked."""
    scrub_bytes: int = Field(default=8 << 20, ge=1024)
    """Bytes of ciphertext that such a pass reads in a second, at most."""
    scrub_items: int = Field(default=1000, ge=1)
    """Rows and names that it looks at in a second, at most."""
    webhook_networks: str = ""
    """Networks to which webhooks may go though they are not public, with commas: ``10.1.0.0/16,fd00::/8``. In
    development this machine itself is among them."""
    webhook_ca_file: Path | None = None
    """Certificates (PEM) that webhooks' receivers may have beside those of public authorities."""
    webhook_limit: int = Field(default=20, ge=0, le=10_000)
    """Webhooks that a party may have."""
    webhook_backoff: tuple[Annotated[int, Field(ge=1, le=7 * 86_400)], ...] = (
        5,
        300,
        1800,
        7200,
        18_000,
        28_800,
        36_000,
    )
    """Seconds after the first attempt that failed, the second, …; after one more the delivery is dead."""
    webhook_keep_days: int = Field(default=30, ge=1, le=3650)
    """Days that a delivery is kept when it has ended, and tried before it is given up."""
    keystore_password: SecretStr = SecretStr("")
    tag_key: SecretStr = SecretStr("")
    """Key of the tags under which wagons and containers are compared without being stored."""
    hsm: str = ""
    """The token that may hold entrusted keys: pkcs11:token=…?module-path=… (RFC 7512, docs/signers.md)."""
    hsm_module: Path | None = None
    """The token's library, where the address names no module-path."""
    hsm_pin_file: Path | None = None
    """Its first line is the token's PIN, where the address names no pin-source."""
    hsm_sessions: int = Field(default=2, ge=1, le=16)
    entrusted_keys: Literal["keystore", "hsm"] = "keystore"
    """Where keys are made that parties entrust to this gateway."""
    remote_signers: Path | None = None
    """A file that describes the signing services behind which entrusted keys lie (docs/signers.md)."""
    signer_timeout: float = Field(default=10, gt=0, le=120)
    """Seconds in which a token answers."""

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @field_validator("webhook_networks")
    @classmethod
    def _networks(cls, value: str) -> str:
        for one in value.split(","):
            if one.strip():
                ipaddress.ip_network(one.strip())
        return value

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: Any) -> Any:
        for name in _SECRETS:
            path = os.environ.get(f"LANDBRIDGE_{name.upper()}_FILE")
            if path and not values.get(name):
                try:
                    values[name] = Path(path).read_text().strip()
                except OSError as error:
                    raise SettingsError(
                        f"the file named by LANDBRIDGE_{name.upper()}_FILE cannot be read"
                    ) from error
        return values

    @model_validator(mode="after")
    def _derive(self) -> Settings:
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{self.data_dir / 'gateway.db'}")
        if not self.blobs_url:
            object.__setattr__(self, "blobs_url", (self.data_dir / "blobs").as_uri())
        return self

    @property
    def embedded(self) -> bool:
        """Whether the chain is this process's own, which protects nobody against its operator."""
        return self.node == "embedded"

    def secret(self, name: Literal["keystore_password", "tag_key"]) -> str:
        """A secret: as given, or in development made once and kept in the data folder.

        :raises SettingsError: in production, when it was not given
        """
        given: SecretStr = getattr(self, name)
        if given.get_secret_value():
            return given.get_secret_value()
        if self.environment == "production":
            raise SettingsError(
                f"set LANDBRIDGE_{name.upper()} or LANDBRIDGE_{name.upper()}_FILE",
                params={"setting": f"LANDBRIDGE_{name.upper()}"},
            )
        path = self.data_dir / "secrets" / name
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = path.with_suffix(f".{os.getpid()}")
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, path)  # the first process wins; nobody overwrites a secret in use
            except FileExistsError:
                pass
            finally:
                temporary.unlink()
        return path.read_text()
