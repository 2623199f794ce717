"""The acts of the registry of parties, and how its refusals are told.

>>> [act.name for act in PARTY_ACTS][:3]
['Admit', 'GrantRole', 'EndRole']
>>> PARTY_ACTS[3].signature
'Suspend(uint32 party,uint32 sequence,uint48 deadline,bytes32 reason)'
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from api.kernel.room import Refusal
from chain.intents import DETAIL, FLAG, ActField, ActType, Bits

__all__ = ["ADMINISTRATOR_ACTS", "PARTY_ACTS", "PARTY_DOMAIN", "PARTY_REFUSALS", "Role"]

PARTY_DOMAIN: Final = "Landbridge Parties"


class Role(IntEnum):
    """What a party may be (contracts/parties/IParties.sol)."""

    CARRIER = 1
    FORWARDER = 2
    BANK = 3
    IMPORTER = 4
    EXPORTER = 5
    CUSTOMS = 6
    EXHIBITION_OPERATOR = 7
    RETAILER = 8
    AGENCY = 9
    COURT = 10
    AUDITOR = 11


_PARTY = ("party", "uint32")
_KEY = ActField("key", "address", Bits(0, 160))
_CUSTODIAL = ActField("custodial", "bool", FLAG)

PARTY_ACTS: Final = (
    ActType(
        "Admit",
        1,
        ("profile", "bytes32"),
        (ActField("rulebook", "bytes32", DETAIL), _KEY, _CUSTODIAL),
    ),
    ActType(
        "GrantRole",
        2,
        _PARTY,
        (
            ActField("role", "uint8", Bits(0, 8)),
            ActField("from", "uint48", Bits(8, 48)),
            ActField("until", "uint48", Bits(56, 48)),
        ),
    ),
    ActType(
        "EndRole", 3, _PARTY, (ActField("role", "uint8", Bits(0, 8)), ActField("at", "uint48", Bits(8, 48)))
    ),
    ActType("Suspend", 4, _PARTY, (ActField("reason", "bytes32", DETAIL),)),
    ActType("Reinstate", 5, _PARTY),
    ActType("AddKey", 6, _PARTY, (_KEY, _CUSTODIAL)),
    ActType("RevokeKey", 7, _PARTY, (_KEY,)),
    ActType("RotateKey", 8, _PARTY, (_KEY, _CUSTODIAL)),
    ActType("TransferAdministration", 9, None, (ActField("to", "address", Bits(0, 160)),)),
)

ADMINISTRATOR_ACTS: Final = frozenset(
    {"Admit", "GrantRole", "EndRole", "Suspend", "Reinstate", "TransferAdministration"}
)
"""Acts whose sequence is the administrator's; the others name their party's."""

PARTY_REFUSALS: Final = {
    "Parties_StaleSequence": Refusal("stale-sequence", "another act came first; prepare this one again"),
    "Parties_NotAdministrator": Refusal("wrong-party", "only the administrator may do this"),
    "Parties_UnknownParty": Refusal("unknown-party", "no party has this number"),
    "Parties_UnknownKey": Refusal("unknown-key", "this key speaks for nobody here"),
    "Parties_KeyOfAnother": Refusal("wrong-party", "this key speaks for another party"),
    "Parties_KeyAlreadyUsed": Refusal("key-used", "this key speaks, or spoke, for a party; take a new one"),
    "Parties_KeyIsAdministrator": Refusal("key-used", "the administrator's key cannot be a party's"),
    "Parties_KeyRevokedSince": Refusal("key-revoked", "this key was revoked"),
    "Parties_NotPossessed": Refusal("cosigners-mismatch", "the key that the act names did not sign it"),
    "Parties_LastKey": Refusal("last-key", "a party's last key can be rotated, not revoked"),
    "Parties_ProfileTaken": Refusal("profile-taken", "a party with this profile is admitted already"),
    "Parties_ZeroDigest": Refusal("zero-digest", "the digest is zero"),
    "Parties_UnknownRole": Refusal("unknown-role", "no role has this number"),
    "Parties_BadPeriod": Refusal("bad-period", "the period ends before it begins"),
    "Parties_CourtNotice": Refusal("court-notice", "a court's role begins after its public notice"),
    "Parties_RoleStanding": Refusal("role-standing", "the party has this role already"),
    "Parties_RoleNotStanding": Refusal("role-not-standing", "the party has not this role"),
    "Parties_AlreadySuspended": Refusal("already-suspended", "the party is suspended already"),
    "Parties_NotSuspended": Refusal("not-suspended", "the party is not suspended"),
}
