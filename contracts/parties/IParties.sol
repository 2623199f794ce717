// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IIntents} from "../shared/IIntents.sol";

/// @notice What a party may be. A role has a beginning and an end.
enum Role {
    None,
    Carrier,
    Forwarder,
    Bank,
    Importer,
    Exporter,
    Customs,
    ExhibitionOperator,
    Retailer,
    Agency,
    Court,
    Auditor
}

/// @notice Acts on the registry of parties. Numbers are part of the wire format: never reused.
enum PartyAct {
    None,
    Admit,
    GrantRole,
    EndRole,
    Suspend,
    Reinstate,
    AddKey,
    RevokeKey,
    RotateKey,
    TransferAdministration
}

/// @title The registry of parties
/// @notice Who is admitted, as what, since when, and with which keys.
/// @dev EIP-712 domain: name "Landbridge Parties", version "1".
///
/// Acts, their signed structs, and where each field travels (sequence and deadline always in the head):
///
/// | act | signed struct | signers | wire |
/// |---|---|---|---|
/// | Admit | Admit(bytes32 profile,uint32 sequence,uint48 deadline,bytes32 rulebook,address key,bool custodial) | administrator; then `key`, the party's first | subject = profile; argument = key; flag = custodial; detail = rulebook. Sequence: the administrator's |
/// | GrantRole | GrantRole(uint32 party,uint32 sequence,uint48 deadline,uint8 role,uint48 from,uint48 until) | administrator | subject = party; argument = role (8), from (48), until (48) from the low end. Sequence: the administrator's |
/// | EndRole | EndRole(uint32 party,uint32 sequence,uint48 deadline,uint8 role,uint48 at) | administrator | subject = party; argument = role (8), at (48). Sequence: the administrator's |
/// | Suspend | Suspend(uint32 party,uint32 sequence,uint48 deadline,bytes32 reason) | administrator | subject = party; detail = reason. Sequence: the administrator's |
/// | Reinstate | Reinstate(uint32 party,uint32 sequence,uint48 deadline) | administrator | subject = party. Sequence: the administrator's |
/// | AddKey | AddKey(uint32 party,uint32 sequence,uint48 deadline,address key,bool custodial) | a live key of the party; then `key`, the new one | subject = party; argument = key; flag = custodial. Sequence: the party's |
/// | RevokeKey | RevokeKey(uint32 party,uint32 sequence,uint48 deadline,address key) | a live key of the party | subject = party; argument = key. Sequence: the party's. The last live key cannot be revoked, only rotated |
/// | RotateKey | RotateKey(uint32 party,uint32 sequence,uint48 deadline,address key,bool custodial) | the old key; then `key`, the new one | subject = party; argument = key; flag = custodial. Sequence: the party's |
/// | TransferAdministration | TransferAdministration(uint32 sequence,uint48 deadline,address to) | administrator; then `to` | subject = 0; argument = to. Sequence: the administrator's |
///
/// A key that is to be added is named in what the others sign, and signs the same digest itself: so nobody
/// on the way can put a key of his own in its place, and nobody can register a key that he does not have.
/// Both sequences begin at zero and grow by one with each act.
///
/// Times. `from` 0 is the second of execution, `until` 0 is open, `at` 0 is the second after execution.
/// Nothing reaches into the past: a role begins at the earliest in the second of execution and ends at the
/// earliest in the next, so what `hadRoleAt` said of a time gone by it says for ever. An end also takes
/// back every span that has not begun by then.
///
/// What is trusted: the administrator admits parties, gives roles their time, and can stop a party's new
/// issues. It cannot touch a party's keys, cannot be a party, and has no power over any act on a bill.
/// A court's role begins only after `COURT_NOTICE` of public delay. No key that was ever the
/// administrator's speaks for a party, nor the reverse; no key comes back after its end.
interface IParties is IIntents {
    /// @notice A party was admitted under a rulebook.
    event Admitted(uint32 indexed party, bytes32 indexed profile, bytes32 rulebook);
    /// @notice A key speaks for a party from now on.
    event KeyAdded(uint32 indexed party, address indexed key, bool custodial);
    /// @notice A key speaks for its party no more, and never will again.
    event KeyRevoked(uint32 indexed party, address indexed key);
    /// @notice A role was given a time.
    event RoleGranted(uint32 indexed party, Role indexed role, uint48 from, uint48 until);
    /// @notice A role's time was cut short.
    event RoleEnded(uint32 indexed party, Role indexed role, uint48 at);
    /// @notice The party can make no new issues; all else it still can.
    event Suspended(uint32 indexed party, bytes32 reason);
    /// @notice The suspension ended.
    event Reinstated(uint32 indexed party);
    /// @notice Administration passed to another key.
    event AdministrationTransferred(address indexed from, address indexed to);

    /// @notice The act was signed for another moment of the administrator's or the party's history.
    error Parties_StaleSequence(uint32 expected, uint32 given);
    /// @notice The act is the administrator's, and another key signed it.
    error Parties_NotAdministrator(address signer);
    /// @notice There is no party of this number.
    error Parties_UnknownParty(uint32 party);
    /// @notice The key never spoke for a party.
    error Parties_UnknownKey(address key);
    /// @notice The key speaks for this other party, not for the one whose act it is.
    error Parties_KeyOfAnother(address key, uint32 party);
    /// @notice The key speaks, or spoke, for a party: keys are never moved nor used again.
    error Parties_KeyAlreadyUsed(address key);
    /// @notice The key is, or was, the administrator's.
    error Parties_KeyIsAdministrator(address key);
    /// @notice The key was revoked at that time.
    error Parties_KeyRevokedSince(address key, uint48 since);
    /// @notice The key that the act names did not cosign it; another did.
    error Parties_NotPossessed(address key, address cosigner);
    /// @notice A party's last live key can be rotated, not revoked.
    error Parties_LastKey(uint32 party);
    /// @notice A party with this profile was admitted already.
    error Parties_ProfileTaken(bytes32 profile);
    /// @notice A digest that must say something is zero.
    error Parties_ZeroDigest();
    /// @notice No role has this number.
    error Parties_UnknownRole(uint8 role);
    /// @notice The span is empty or reaches into the past.
    error Parties_BadPeriod(uint48 from, uint48 until);
    /// @notice A court's role cannot begin before this time.
    error Parties_CourtNotice(uint48 earliest);
    /// @notice The party holds the role, or will, at a time that the new span begins at or precedes.
    error Parties_RoleStanding(uint32 party, Role role);
    /// @notice At that time, and later, the party does not hold the role anyway.
    error Parties_RoleNotStanding(uint32 party, Role role);
    /// @notice The party is suspended already.
    error Parties_AlreadySuspended(uint32 party);
    /// @notice The party is not suspended.
    error Parties_NotSuspended(uint32 party);

    /// @notice A key's standing. All zero for a key that never spoke for anyone. A key of the
    /// administrator, present or past, has party 0 and a `since`.
    struct Key {
        uint32 party;
        uint48 since;
        uint48 until; // the second in which it ended; 0 while live
        bool custodial;
    }

    /// @notice A party's standing. All zero for an unknown one.
    struct Party {
        uint48 admitted;
        uint32 sequence;
        uint16 liveKeys;
        bool suspended;
        bytes32 profile;
        bytes32 rulebook;
    }

    /// @notice A span of time in which a role holds: from ≤ time < until; until 0 means open.
    struct Tenure {
        uint48 from;
        uint48 until;
    }

    /// @notice Public notice before a court's role begins, in seconds.
    function COURT_NOTICE() external view returns (uint48);
    /// @notice The key whose acts the administrator's are.
    function administrator() external view returns (address);
    /// @notice What the administrator's next act must name.
    function administratorSequence() external view returns (uint32);
    /// @notice How many parties there are; they are numbered from one.
    function partyCount() external view returns (uint32);
    /// @notice A party's standing.
    function party(uint32 number) external view returns (Party memory);
    /// @notice The party that was admitted with this profile; zero if none was.
    function partyOfProfile(bytes32 profile) external view returns (uint32);
    /// @notice A key's standing.
    function keyOf(address key) external view returns (Key memory);
    /// @notice The party for which a key speaks now; reverts for an unknown or revoked key.
    function speaksFor(address key) external view returns (uint32 number);
    /// @notice Whether a party holds a role now and is not suspended: what a new issue needs.
    function mayIssueAs(uint32 number, Role role) external view returns (bool);
    /// @notice Whether a party held a role at a time (seconds of Unix time).
    function hadRoleAt(uint32 number, Role role, uint48 time) external view returns (bool);
    /// @notice All spans of a role, in order.
    function tenures(uint32 number, Role role) external view returns (Tenure[] memory);
}
