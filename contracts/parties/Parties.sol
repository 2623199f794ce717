// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Head} from "../shared/Heads.sol";
import {Intent} from "../shared/IIntents.sol";
import {Intents} from "../shared/Intents.sol";
import {IParties, PartyAct, Role} from "./IParties.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title The registry of parties
/// @dev Storage:
///
///     _office            | administrator 160 | sequence 32 | party count 32 |
///     _parties[number]   | admitted 48 | sequence 32 | live keys 16 | suspended 8 | profile 256 | rulebook 256 |
///     _keys[address]     | party 32 | since 48 | until 48 | custodial 8 |
///     _lastTenure[number][role]        | from 48 | until 48 |
///     _earlierTenures[number][role][]  | from 48 | until 48 |   in order, none overlapping
///     _partyOfProfile[profile]  | number 32 |
///
/// What other contracts read (a key's party, the count, a role's span) is one slot each.
contract Parties is IParties, Intents {
    struct Office {
        address administrator;
        uint32 sequence;
        uint32 partyCount;
    }

    /// @inheritdoc IParties
    uint48 public constant COURT_NOTICE = 7 days;

    bytes32 private constant ADMIT = keccak256(
        "Admit(bytes32 profile,uint32 sequence,uint48 deadline,bytes32 rulebook,address key,bool custodial)"
    );
    bytes32 private constant GRANT_ROLE = keccak256(
        "GrantRole(uint32 party,uint32 sequence,uint48 deadline,uint8 role,uint48 from,uint48 until)"
    );
    bytes32 private constant END_ROLE =
        keccak256("EndRole(uint32 party,uint32 sequence,uint48 deadline,uint8 role,uint48 at)");
    bytes32 private constant SUSPEND =
        keccak256("Suspend(uint32 party,uint32 sequence,uint48 deadline,bytes32 reason)");
    bytes32 private constant REINSTATE = keccak256("Reinstate(uint32 party,uint32 sequence,uint48 deadline)");
    bytes32 private constant ADD_KEY =
        keccak256("AddKey(uint32 party,uint32 sequence,uint48 deadline,address key,bool custodial)");
    bytes32 private constant REVOKE_KEY =
        keccak256("RevokeKey(uint32 party,uint32 sequence,uint48 deadline,address key)");
    bytes32 private constant ROTATE_KEY =
        keccak256("RotateKey(uint32 party,uint32 sequence,uint48 deadline,address key,bool custodial)");
    bytes32 private constant TRANSFER_ADMINISTRATION =
        keccak256("TransferAdministration(uint32 sequence,uint48 deadline,address to)");

    Office private _office;
    mapping(uint32 number => Party party) private _parties;
    mapping(address key => Key standing) private _keys;
    mapping(uint32 number => mapping(Role role => Tenure span)) private _lastTenure;
    mapping(uint32 number => mapping(Role role => Tenure[] spans)) private _earlierTenures;
    mapping(bytes32 profile => uint32 number) private _partyOfProfile;

    constructor(address firstAdministrator) EIP712("Landbridge Parties", "1") {
        if (firstAdministrator == address(0)) revert Parties_UnknownKey(firstAdministrator);
        _install(firstAdministrator);
        emit AdministrationTransferred(address(0), firstAdministrator);
    }

    /// @inheritdoc IParties
    function administrator() external view returns (address) {
        return _office.administrator;
    }

    /// @inheritdoc IParties
    function administratorSequence() external view returns (uint32) {
        return _office.sequence;
    }

    /// @inheritdoc IParties
    function partyCount() external view returns (uint32) {
        return _office.partyCount;
    }

    /// @inheritdoc IParties
    function party(uint32 number) external view returns (Party memory) {
        return _parties[number];
    }

    /// @inheritdoc IParties
    function partyOfProfile(bytes32 profile) external view returns (uint32) {
        return _partyOfProfile[profile];
    }

    /// @inheritdoc IParties
    function keyOf(address key) external view returns (Key memory) {
        return _keys[key];
    }

    /// @inheritdoc IParties
    function speaksFor(address key) external view returns (uint32 number) {
        return _speaksFor(key);
    }

    /// @inheritdoc IParties
    function mayIssueAs(uint32 number, Role role) external view returns (bool) {
        return !_parties[number].suspended && _hadRoleAt(number, role, uint48(block.timestamp));
    }

    /// @inheritdoc IParties
    function hadRoleAt(uint32 number, Role role, uint48 time) external view returns (bool) {
        return _hadRoleAt(number, role, time);
    }

    /// @inheritdoc IParties
    function tenures(uint32 number, Role role) external view returns (Tenure[] memory) {
        Tenure storage last = _lastTenure[number][role];
        if (last.from == 0) return new Tenure[](0);
        Tenure[] storage earlier = _earlierTenures[number][role];
        uint256 count = earlier.length;
        Tenure[] memory all = new Tenure[](count + 1);
        for (uint256 i = 0; i < count; ++i) {
            all[i] = earlier[i];
        }
        all[count] = last;
        return all;
    }

    function _act(Intent calldata intent, Head head, address signer, address[] memory cosigners)
        internal
        override
    {
        PartyAct act = PartyAct(head.kind());
        if (act == PartyAct.AddKey || act == PartyAct.RevokeKey || act == PartyAct.RotateKey) {
            _actOfParty(act, uint32(uint256(intent.subject)), head, signer, cosigners);
        } else {
            _actOfAdministrator(act, intent, head, signer, cosigners);
        }
    }

    function _actOfParty(PartyAct act, uint32 number, Head head, address signer, address[] memory cosigners)
        private
    {
        Party storage record = _known(number);
        _requireSequence(record.sequence, head);
        uint32 signersParty = _speaksFor(signer);
        if (signersParty != number) revert Parties_KeyOfAnother(signer, signersParty);
        record.sequence += 1;

        address key = address(head.argument());
        if (act == PartyAct.RevokeKey) {
            _requireCount(0, cosigners.length);
            uint32 keysParty = _speaksFor(key);
            if (keysParty != number) revert Parties_KeyOfAnother(key, keysParty);
            if (record.liveKeys == 1) revert Parties_LastKey(number);
            record.liveKeys -= 1;
            _revokeKey(number, key);
        } else {
            _requirePossession(key, cosigners);
            if (act == PartyAct.AddKey) record.liveKeys += 1;
            else _revokeKey(number, signer);
            _addKey(number, key, head.flag());
        }
    }

    function _actOfAdministrator(
        PartyAct act,
        Intent calldata intent,
        Head head,
        address signer,
        address[] memory cosigners
    ) private {
        _requireSequence(_office.sequence, head);
        if (signer != _office.administrator) revert Parties_NotAdministrator(signer);
        _office.sequence += 1;

        if (act == PartyAct.Admit) {
            _requirePossession(address(head.argument()), cosigners);
            _admit(intent.subject, intent.detail, address(head.argument()), head.flag());
            return;
        }
        if (act == PartyAct.TransferAdministration) {
            _requirePossession(address(head.argument()), cosigners);
            _transferAdministration(signer, address(head.argument()));
            return;
        }
        _requireCount(0, cosigners.length);
        uint32 number = uint32(uint256(intent.subject));
        Party storage record = _known(number);
        uint160 argument = head.argument();
        if (act == PartyAct.GrantRole) {
            _grantRole(number, _role(uint8(argument)), uint48(argument >> 8), uint48(argument >> 56));
        } else if (act == PartyAct.EndRole) {
            _endRole(number, _role(uint8(argument)), uint48(argument >> 8));
        } else if (act == PartyAct.Suspend) {
            if (intent.detail == 0) revert Parties_ZeroDigest();
            if (record.suspended) revert Parties_AlreadySuspended(number);
            record.suspended = true;
            emit Suspended(number, intent.detail);
        } else {
            if (!record.suspended) revert Parties_NotSuspended(number);
            record.suspended = false;
            emit Reinstated(number);
        }
    }

    function _admit(bytes32 profile, bytes32 rulebook, address key, bool custodial) private {
        if (profile == 0 || rulebook == 0) revert Parties_ZeroDigest();
        if (_partyOfProfile[profile] != 0) revert Parties_ProfileTaken(profile);
        uint32 number = _office.partyCount + 1;
        _office.partyCount = number;
        _partyOfProfile[profile] = number;
        _parties[number] = Party({
            admitted: uint48(block.timestamp),
            sequence: 0,
            liveKeys: 1,
            suspended: false,
            profile: profile,
            rulebook: rulebook
        });
        emit Admitted(number, profile, rulebook);
        _addKey(number, key, custodial);
    }

    function _addKey(uint32 number, address key, bool custodial) private {
        _requireNewKey(key);
        _keys[key] = Key({party: number, since: uint48(block.timestamp), until: 0, custodial: custodial});
        emit KeyAdded(number, key, custodial);
    }

    function _revokeKey(uint32 number, address key) private {
        _keys[key].until = uint48(block.timestamp);
        emit KeyRevoked(number, key);
    }

    function _grantRole(uint32 number, Role role, uint48 from, uint48 until) private {
        uint48 time = uint48(block.timestamp);
        if (from == 0) from = time;
        if (from < time || (until != 0 && until <= from)) revert Parties_BadPeriod(from, until);
        if (role == Role.Court && from < time + COURT_NOTICE) {
            revert Parties_CourtNotice(time + COURT_NOTICE);
        }
        Tenure storage last = _lastTenure[number][role];
        if (last.from != 0) {
            if (last.until == 0 || last.until > from) revert Parties_RoleStanding(number, role);
            _earlierTenures[number][role].push(last);
        }
        _lastTenure[number][role] = Tenure({from: from, until: until});
        emit RoleGranted(number, role, from, until);
    }

    function _endRole(uint32 number, Role role, uint48 end) private {
        uint48 time = uint48(block.timestamp);
        if (end == 0) end = time + 1;
        Tenure storage last = _lastTenure[number][role];
        if (end <= time) revert Parties_BadPeriod(last.from, end);
        bool changed = false;
        // A span that has not begun by then has no past to keep.
        while (last.from >= end) {
            _forgetLast(number, role);
            changed = true;
        }
        if (last.from != 0 && (last.until == 0 || last.until > end)) {
            last.until = end;
            changed = true;
        }
        if (!changed) revert Parties_RoleNotStanding(number, role);
        emit RoleEnded(number, role, end);
    }

    function _forgetLast(uint32 number, Role role) private {
        Tenure[] storage earlier = _earlierTenures[number][role];
        if (earlier.length == 0) {
            delete _lastTenure[number][role];
        } else {
            _lastTenure[number][role] = earlier[earlier.length - 1];
            earlier.pop();
        }
    }

    function _transferAdministration(address from, address to) private {
        _requireNewKey(to);
        _keys[from].until = uint48(block.timestamp);
        _install(to);
        emit AdministrationTransferred(from, to);
    }

    /// @dev An administrator's key is written down like any other, under party 0: it can then never become
    /// a party's.
    function _install(address key) private {
        _office.administrator = key;
        _keys[key].since = uint48(block.timestamp);
    }

    function _speaksFor(address key) private view returns (uint32 number) {
        Key storage record = _keys[key];
        number = record.party;
        if (number == 0) revert Parties_UnknownKey(key);
        uint48 until = record.until;
        if (until != 0) revert Parties_KeyRevokedSince(key, until);
    }

    function _hadRoleAt(uint32 number, Role role, uint48 time) private view returns (bool) {
        Tenure storage span = _lastTenure[number][role];
        if (span.from > time) {
            Tenure[] storage earlier = _earlierTenures[number][role];
            uint256 i = earlier.length;
            do {
                if (i == 0) return false;
                span = earlier[--i];
            } while (span.from > time);
        }
        // Nobody has a span that begins at 0: that one was never written.
        return span.from != 0 && (span.until == 0 || time < span.until);
    }

    function _known(uint32 number) private view returns (Party storage record) {
        record = _parties[number];
        if (record.admitted == 0) revert Parties_UnknownParty(number);
    }

    function _requireNewKey(address key) private view {
        Key storage record = _keys[key];
        if (record.since == 0) return;
        if (record.party == 0) revert Parties_KeyIsAdministrator(key);
        revert Parties_KeyAlreadyUsed(key);
    }

    function _requireSequence(uint32 expected, Head head) private pure {
        if (head.sequence() != expected) revert Parties_StaleSequence(expected, head.sequence());
    }

    function _requirePossession(address key, address[] memory cosigners) private pure {
        _requireCount(1, cosigners.length);
        if (cosigners[0] != key) revert Parties_NotPossessed(key, cosigners[0]);
    }

    function _role(uint8 number) private pure returns (Role) {
        if (number == 0 || number > uint8(type(Role).max)) revert Parties_UnknownRole(number);
        return Role(number);
    }

    function _structHash(Intent calldata intent, Head head) internal pure override returns (bytes32) {
        uint8 kind = head.kind();
        if (kind == 0 || kind > uint8(type(PartyAct).max)) revert Intents_UnknownKind(kind);
        PartyAct act = PartyAct(kind);
        uint32 sequence = head.sequence();
        uint48 deadline = head.deadline();
        uint160 argument = head.argument();

        if (act == PartyAct.Admit) {
            return keccak256(
                abi.encode(
                    ADMIT, intent.subject, sequence, deadline, intent.detail, address(argument), head.flag()
                )
            );
        }
        uint256 subject = uint256(intent.subject);
        if (act == PartyAct.Suspend) {
            _requireNoFlag(head);
            _requireUnused(subject >> 32 | argument);
            return keccak256(abi.encode(SUSPEND, subject, sequence, deadline, intent.detail));
        }
        _requireUnused(uint256(intent.detail));
        if (act == PartyAct.TransferAdministration) {
            _requireNoFlag(head);
            _requireUnused(subject);
            return keccak256(abi.encode(TRANSFER_ADMINISTRATION, sequence, deadline, address(argument)));
        }
        _requireUnused(subject >> 32);
        if (act == PartyAct.AddKey || act == PartyAct.RotateKey) {
            return keccak256(
                abi.encode(
                    act == PartyAct.AddKey ? ADD_KEY : ROTATE_KEY,
                    subject,
                    sequence,
                    deadline,
                    address(argument),
                    head.flag()
                )
            );
        }
        _requireNoFlag(head);
        if (act == PartyAct.RevokeKey) {
            return keccak256(abi.encode(REVOKE_KEY, subject, sequence, deadline, address(argument)));
        }
        if (act == PartyAct.GrantRole) {
            _requireUnused(argument >> 104);
            return keccak256(
                abi.encode(
                    GRANT_ROLE,
                    subject,
                    sequence,
                    deadline,
                    uint8(argument),
                    uint48(argument >> 8),
                    uint48(argument >> 56)
                )
            );
        }
        if (act == PartyAct.EndRole) {
            _requireUnused(argument >> 56);
            return keccak256(
                abi.encode(END_ROLE, subject, sequence, deadline, uint8(argument), uint48(argument >> 8))
            );
        }
        _requireUnused(argument);
        return keccak256(abi.encode(REINSTATE, subject, sequence, deadline));
    }
}
