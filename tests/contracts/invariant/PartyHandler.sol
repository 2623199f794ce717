// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParties, PartyAct, Role} from "../../../contracts/parties/IParties.sol";
import {Cosignature, Intent} from "../../../contracts/shared/IIntents.sol";
import {Acts} from "../support/Acts.sol";

/// @title An administrator and the owners of a dozen keys, doing as they please with the registry
/// @notice Each act is signed and cosigned by any of the keys, fit or unfit. What is then true of the keys is
/// written down before and after, and compared by the simplest rules that there are.
contract PartyHandler is Acts {
    uint256 public constant KEYS = 12;
    uint256 private constant NOBODY = KEYS;

    /// @notice What the registry once said of the past.
    struct Sample {
        uint32 party;
        Role role;
        uint48 time;
        bool held;
    }

    IParties private immutable parties;
    uint256[KEYS] private keys;
    /// @dev Their addresses: to compute one takes long.
    address[KEYS] private addresses;
    Sample[] private _samples;
    /// @notice Acts that took effect, by the sequence that they count in; the administrator's under 0.
    mapping(uint32 party => uint32 acts) public acts;
    mapping(PartyAct act => uint256 times) public done;
    mapping(PartyAct act => uint256 times) public refused;

    constructor(IParties parties_) {
        parties = parties_;
        for (uint256 i = 0; i < KEYS; ++i) {
            keys[i] = keyNamed(string.concat("party key ", vm.toString(i)));
            addresses[i] = vm.addr(keys[i]);
        }
    }

    function addressAt(uint256 seed) public view returns (address) {
        return addresses[seed % KEYS];
    }

    function samples() external view returns (Sample[] memory) {
        return _samples;
    }

    function admit(uint256 signer, uint256 named, uint256 cosigner, uint256 profile) external {
        Intent memory intent = draft(
            PartyAct.Admit, 0, parties.administratorSequence(), argumentKey(named), keccak256("rulebook")
        );
        intent.subject = keccak256(abi.encode("profile", profile % 8));
        attempt(PartyAct.Admit, 0, intent, administratorMostly(signer), cosignerMostly(named, cosigner));
    }

    function keyAct(uint256 kind, uint256 signer, uint256 party, uint256 named, uint256 cosigner) external {
        PartyAct act = PartyAct(bound(kind, uint8(PartyAct.AddKey), uint8(PartyAct.RotateKey)));
        uint32 number = uint32(bound(party, 0, parties.partyCount() + 1));
        if (party >> 128 != 0) number = parties.keyOf(addressAt(signer)).party;
        Intent memory intent = draft(act, number, parties.party(number).sequence, argumentKey(named), 0);
        bool alone = act == PartyAct.RevokeKey;
        attempt(act, number, intent, signer % KEYS, alone ? NOBODY : cosignerMostly(named, cosigner));
    }

    function roleAct(uint256 signer, uint256 party, uint256 role, uint256 from, uint256 until) external {
        uint32 number = uint32(bound(party, 0, parties.partyCount() + 1));
        uint48 start = from % 3 == 0 ? 0 : uint48(block.timestamp + bound(from, 0, 9 days) - 1 days);
        PartyAct act = until % 3 == 0 ? PartyAct.EndRole : PartyAct.GrantRole;
        uint48 end = act == PartyAct.EndRole || until % 5 == 0 ? 0 : start + uint48(bound(until, 0, 4 days));
        Role which = Role(bound(role, uint8(Role.Carrier), uint8(Role.Forwarder)));
        if (role % 3 == 0) which = Role.Court;
        Intent memory intent =
            draft(act, number, parties.administratorSequence(), roleArgument(which, start, end), 0);
        attempt(act, 0, intent, administratorMostly(signer), NOBODY);
    }

    function suspension(uint256 signer, uint256 party) external {
        uint32 number = uint32(bound(party, 0, parties.partyCount() + 1));
        PartyAct act = parties.party(number).suspended ? PartyAct.Reinstate : PartyAct.Suspend;
        bytes32 reason = act == PartyAct.Suspend ? keccak256("reason") : bytes32(0);
        Intent memory intent = draft(act, number, parties.administratorSequence(), 0, reason);
        attempt(act, 0, intent, administratorMostly(signer), NOBODY);
    }

    function transferAdministration(uint256 signer, uint256 named, uint256 cosigner) external {
        Intent memory intent =
            draft(PartyAct.TransferAdministration, 0, parties.administratorSequence(), argumentKey(named), 0);
        attempt(
            PartyAct.TransferAdministration,
            0,
            intent,
            administratorMostly(signer),
            cosignerMostly(named, cosigner)
        );
    }

    function passTime(uint256 seconds_, uint256 party, uint256 role, uint256 back) external {
        uint32 number = uint32(bound(party, 1, 8));
        Role which = Role(bound(role, uint8(Role.Carrier), uint8(Role.Forwarder)));
        if (role % 3 == 0) which = Role.Court;
        uint48 time = uint48(block.timestamp - bound(back, 1, 3 days));
        _samples.push(Sample(number, which, time, parties.hadRoleAt(number, which, time)));
        vm.warp(block.timestamp + bound(seconds_, 1, 2 days));
    }

    function attempt(PartyAct act, uint32 counter, Intent memory intent, uint256 signer, uint256 cosigner)
        private
    {
        Cosignature[] memory cosignatures = none();
        if (cosigner != NOBODY) {
            intent = withCosigners(intent, 1);
            cosignatures = many(cosigned(parties, intent, keys[cosigner]));
        }
        intent = signed(parties, intent, keys[signer]);
        IParties.Key[] memory before = allKeys();
        address office = parties.administrator();
        try parties.executeJoint(intent, cosignatures) {
            done[act] += 1;
            acts[counter] += 1;
            address named = address(uint160(intent.head >> 96));
            compare(before, act, addresses[signer], named, uint32(uint256(intent.subject)), office);
        } catch {
            refused[act] += 1;
            IParties.Key[] memory after_ = allKeys();
            vm.assertEq(keccak256(abi.encode(before)), keccak256(abi.encode(after_)), "refused, yet changed");
        }
    }

    /// @dev What an act may do to keys: the one it names, and with a rotation or a handover the signer's.
    function compare(
        IParties.Key[] memory before,
        PartyAct act,
        address signer,
        address named,
        uint32 subject,
        address office
    ) private view {
        bool ofKeys = act >= PartyAct.AddKey && act <= PartyAct.RotateKey;
        if (ofKeys) vm.assertEq(keyBefore(before, signer).party, subject, "another party's act");
        else vm.assertEq(signer, office, "not the administrator's act");
        for (uint256 i = 0; i < KEYS; ++i) {
            address key = addresses[i];
            IParties.Key memory was = before[i];
            IParties.Key memory now_ = parties.keyOf(key);
            bool adds = act == PartyAct.Admit || act == PartyAct.AddKey || act == PartyAct.RotateKey
                || act == PartyAct.TransferAdministration;
            bool ends = (act == PartyAct.RevokeKey && key == named)
                || ((act == PartyAct.RotateKey || act == PartyAct.TransferAdministration) && key == signer);
            if (adds && key == named) {
                vm.assertEq(was.since, 0, "a key was used twice");
                vm.assertEq(now_.since, block.timestamp, "since");
                vm.assertEq(now_.until, 0, "until");
                if (ofKeys) vm.assertEq(now_.party, subject, "the key's party");
                if (act == PartyAct.Admit) vm.assertEq(now_.party, parties.partyCount(), "the key's party");
                if (act == PartyAct.TransferAdministration) vm.assertEq(now_.party, 0, "the key's party");
            } else if (ends) {
                vm.assertEq(was.until, 0, "ended twice");
                vm.assertEq(now_.until, block.timestamp, "until");
                vm.assertEq(now_.party, was.party, "the key's party");
                vm.assertEq(now_.since, was.since, "since");
            } else {
                vm.assertEq(keccak256(abi.encode(was)), keccak256(abi.encode(now_)), "another key changed");
            }
        }
    }

    function keyBefore(IParties.Key[] memory before, address key)
        private
        view
        returns (IParties.Key memory none_)
    {
        for (uint256 i = 0; i < KEYS; ++i) {
            if (addresses[i] == key) return before[i];
        }
    }

    function allKeys() private view returns (IParties.Key[] memory all) {
        all = new IParties.Key[](KEYS);
        for (uint256 i = 0; i < KEYS; ++i) {
            all[i] = parties.keyOf(addresses[i]);
        }
    }

    function argumentKey(uint256 seed) private view returns (uint160) {
        return uint160(addressAt(seed));
    }

    /// @dev Mostly the named key itself, else anyone.
    function cosignerMostly(uint256 named, uint256 cosigner) private pure returns (uint256) {
        return (cosigner % 4 != 0 ? named : cosigner >> 8) % KEYS;
    }

    function administratorMostly(uint256 signer) private view returns (uint256) {
        if (signer % 4 == 0) return (signer >> 8) % KEYS;
        address administrator = parties.administrator();
        uint256 place = 0;
        while (addresses[place] != administrator) ++place;
        return place;
    }
}
