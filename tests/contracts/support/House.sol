// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BillAct, BillId, BillState, IRailBills} from "../../../contracts/bills/IRailBills.sol";
import {IParties, PartyAct, Role} from "../../../contracts/parties/IParties.sol";
import {Cosignature, IIntents, Intent} from "../../../contracts/shared/IIntents.sol";
import {Acts} from "./Acts.sol";

/// @title A registry, a book of bills, and the parties of a shipment
abstract contract House is Acts {
    /// @dev A Monday morning; anything but zero, so that the past exists.
    uint48 internal constant START = 1_790_000_000;
    bytes32 internal constant RULEBOOK = keccak256("rulebook, first edition");
    BillId internal constant BILL = BillId.wrap(keccak256("bill"));
    bytes32 internal constant NOTE = keccak256("note");
    bytes32 internal constant REASON = keccak256("reason");

    uint256 internal administratorKey = keyNamed("administrator");
    uint256 internal carrierKey = keyNamed("carrier");
    uint256 internal rivalKey = keyNamed("rival carrier");
    uint256 internal bankKey = keyNamed("bank");
    uint256 internal importerKey = keyNamed("importer");

    IParties internal parties;
    IRailBills internal bills;

    uint32 internal carrier;
    uint32 internal rival;
    uint32 internal bank;
    uint32 internal importer;

    function setUp() public virtual {
        vm.warp(START);
        parties = IParties(vm.deployCode("Parties.sol:Parties", abi.encode(vm.addr(administratorKey))));
        bills = IRailBills(vm.deployCode("RailBills.sol:RailBills", abi.encode(parties)));
        carrier = admit(carrierKey);
        rival = admit(rivalKey);
        bank = admit(bankKey);
        importer = admit(importerKey);
        grant(carrier, Role.Carrier, 0, 0);
        grant(rival, Role.Carrier, 0, 0);
        grant(bank, Role.Bank, 0, 0);
    }

    // Parties.

    function admission(uint256 key) internal view returns (Intent memory intent) {
        intent = draft(PartyAct.Admit, 0, parties.administratorSequence(), uint160(vm.addr(key)), RULEBOOK);
        intent.subject = keccak256(abi.encode("profile", key));
        intent = withCosigners(intent, 1);
    }

    function admit(uint256 key) internal returns (uint32) {
        executeJoint(admission(key), administratorKey, key);
        return parties.partyCount();
    }

    function byAdministrator(PartyAct act, uint32 party, uint160 argument, bytes32 detail)
        internal
        view
        returns (Intent memory)
    {
        Intent memory intent = draft(act, party, parties.administratorSequence(), argument, detail);
        return signed(parties, intent, administratorKey);
    }

    function grant(uint32 party, Role role, uint48 from, uint48 until) internal {
        parties.execute(byAdministrator(PartyAct.GrantRole, party, roleArgument(role, from, until), 0));
    }

    function suspend(uint32 party) internal {
        parties.execute(byAdministrator(PartyAct.Suspend, party, 0, REASON));
    }

    /// @dev An act of a party on its own keys, not yet signed.
    function keyAct(PartyAct act, uint32 party, address key) internal view returns (Intent memory) {
        return draft(act, party, parties.party(party).sequence, uint160(key), 0);
    }

    function executeJoint(Intent memory intent, uint256 key, uint256 cosigner) internal {
        parties.executeJoint(signed(parties, intent, key), many(cosigned(parties, intent, cosigner)));
    }

    // Bills.

    function byKey(uint256 key, BillAct act, BillId id, uint160 argument, bytes32 detail)
        internal
        view
        returns (Intent memory)
    {
        return signed(bills, draft(act, id, bills.bill(id).sequence, argument, detail), key);
    }

    function doAct(uint256 key, BillAct kind, uint160 argument, bytes32 detail) internal {
        bills.execute(byKey(key, kind, BILL, argument, detail));
    }

    function doAct(uint256 key, BillAct kind) internal {
        doAct(key, kind, 0, 0);
    }

    function issue(uint32 holder) internal {
        doAct(carrierKey, BillAct.Issue, issueArgument(holder, true), NOTE);
    }

    function voiding(BillId id) internal view returns (Intent memory) {
        return withCosigners(draft(BillAct.Void, id, bills.bill(id).sequence, 0, REASON), 1);
    }

    function voidTogether(BillId id, uint256 holderKey, uint256 issuerKey) internal {
        Intent memory intent = signed(bills, voiding(id), holderKey);
        bills.executeJoint(intent, many(cosigned(bills, intent, issuerKey)));
    }

    // Refusals: alone the act reverts with the reason; in a batch the same reason is reported; neither
    // changes anything.

    function refuses(IIntents target, Intent memory intent, bytes memory reason) internal {
        bytes32 before = stateDigest();
        vm.expectRevert(reason);
        target.execute(intent);
        refusesInBatch(target, intent, none(), reason);
        vm.assertEq(stateDigest(), before, "a refused act changed something");
    }

    function refusesJoint(
        IIntents target,
        Intent memory intent,
        Cosignature[] memory cosignatures,
        bytes memory reason
    ) internal {
        bytes32 before = stateDigest();
        vm.expectRevert(reason);
        target.executeJoint(intent, cosignatures);
        refusesInBatch(target, intent, cosignatures, reason);
        vm.assertEq(stateDigest(), before, "a refused act changed something");
    }

    function refusesInBatch(
        IIntents target,
        Intent memory intent,
        Cosignature[] memory cosignatures,
        bytes memory reason
    ) internal {
        vm.expectEmit(true, true, true, true, address(target));
        emit IIntents.IntentRefused(0, intent.subject, reason);
        target.executeBatch(many(intent), cosignatures);
    }

    /// @dev All that the tests' acts could touch.
    function stateDigest() internal view returns (bytes32 digest) {
        digest = keccak256(
            abi.encode(
                parties.administrator(),
                parties.administratorSequence(),
                parties.partyCount(),
                bills.billWord(BILL),
                bills.billOfNote(NOTE)
            )
        );
        for (uint32 number = 1; number <= parties.partyCount(); ++number) {
            digest = keccak256(abi.encode(digest, parties.party(number)));
            for (uint8 role = 1; role <= uint8(type(Role).max); ++role) {
                digest = keccak256(abi.encode(digest, parties.tenures(number, Role(role))));
            }
        }
        uint256[5] memory keys = [administratorKey, carrierKey, rivalKey, bankKey, importerKey];
        for (uint256 i = 0; i < keys.length; ++i) {
            digest = keccak256(abi.encode(digest, parties.keyOf(vm.addr(keys[i]))));
        }
    }

    function assertStands(BillState state, uint32 holder, uint32 sequence) internal view {
        IRailBills.Bill memory bill = bills.bill(BILL);
        vm.assertEq(uint8(bill.state), uint8(state), "state");
        vm.assertEq(bill.holder, holder, "holder");
        vm.assertEq(bill.sequence, sequence, "sequence");
    }
}
