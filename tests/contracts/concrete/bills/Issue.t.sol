// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BillAct, BillId, BillState, IRailBills} from "../../../../contracts/bills/IRailBills.sol";
import {IParties, PartyAct, Role} from "../../../../contracts/parties/IParties.sol";
import {Intent} from "../../../../contracts/shared/IIntents.sol";
import {House} from "../../support/House.sol";

contract IssueTest is House {
    BillId private constant SECOND = BillId.wrap(keccak256("second bill"));

    function test_Issue_RevertWhen_TheBillIsZero() public {
        refusesIssue(
            carrierKey,
            BillId.wrap(0),
            NOTE,
            bank,
            abi.encodeWithSelector(IRailBills.RailBills_ZeroDigest.selector)
        );
    }

    function test_Issue_RevertWhen_TheNoteIsZero() public {
        refusesIssue(
            carrierKey, BILL, 0, bank, abi.encodeWithSelector(IRailBills.RailBills_ZeroDigest.selector)
        );
    }

    function test_Issue_RevertWhen_TheBillExists() public {
        issue(bank);
        refusesIssue(
            carrierKey,
            BILL,
            keccak256("second note"),
            bank,
            abi.encodeWithSelector(IRailBills.RailBills_BillExists.selector, BILL)
        );
    }

    function test_Issue_RevertWhen_TheSequenceIsNotZero() public {
        Intent memory intent = draft(BillAct.Issue, BILL, 1, issueArgument(bank, true), NOTE);
        refuses(
            bills,
            signed(bills, intent, carrierKey),
            abi.encodeWithSelector(IRailBills.RailBills_StaleSequence.selector, BILL, uint32(0), uint32(1))
        );
    }

    function test_Issue_RevertWhen_TheSignerIsTheAdministrator() public {
        refusesIssue(
            administratorKey,
            BILL,
            NOTE,
            bank,
            abi.encodeWithSelector(IParties.Parties_UnknownKey.selector, vm.addr(administratorKey))
        );
    }

    function test_Issue_RevertWhen_TheIssuerIsNoCarrier() public {
        refusesIssue(
            bankKey, BILL, NOTE, bank, abi.encodeWithSelector(IRailBills.RailBills_NotEntitled.selector, bank)
        );
    }

    function test_Issue_RevertGiven_TheIssuersRoleHasEnded() public {
        parties.execute(byAdministrator(PartyAct.EndRole, carrier, roleArgument(Role.Carrier, 0, 0), 0));
        vm.warp(START + 1);
        refusesIssue(
            carrierKey,
            BILL,
            NOTE,
            bank,
            abi.encodeWithSelector(IRailBills.RailBills_NotEntitled.selector, carrier)
        );
    }

    function test_Issue_RevertGiven_TheIssuerIsSuspended() public {
        suspend(carrier);
        refusesIssue(
            carrierKey,
            BILL,
            NOTE,
            bank,
            abi.encodeWithSelector(IRailBills.RailBills_NotEntitled.selector, carrier)
        );
        parties.execute(byAdministrator(PartyAct.Reinstate, carrier, 0, 0));
        issue(bank);
    }

    function test_Issue_RevertWhen_TheHolderIsUnknown() public {
        uint32[3] memory unknown = [0, parties.partyCount() + 1, type(uint32).max];
        for (uint256 i = 0; i < unknown.length; ++i) {
            refusesIssue(
                carrierKey,
                BILL,
                NOTE,
                unknown[i],
                abi.encodeWithSelector(IRailBills.RailBills_UnknownParty.selector, unknown[i])
            );
        }
    }

    function test_Issue_RevertGiven_AnotherBillStandsForTheNote() public {
        issue(bank);
        bytes memory reason = abi.encodeWithSelector(IRailBills.RailBills_NoteTaken.selector, NOTE);
        refusesIssue(rivalKey, SECOND, NOTE, importer, reason);
        refusesIssue(carrierKey, SECOND, NOTE, bank, reason);
        doAct(bankKey, BillAct.Surrender);
        refusesIssue(rivalKey, SECOND, NOTE, importer, reason);
        doAct(carrierKey, BillAct.AcceptSurrender);
        refusesIssue(rivalKey, SECOND, NOTE, importer, reason);
    }

    function test_Issue_RevertGiven_TheNotesBillWasDelivered() public {
        issue(bank);
        doAct(bankKey, BillAct.Surrender);
        doAct(carrierKey, BillAct.AcceptSurrender);
        doAct(carrierKey, BillAct.Deliver, 0, REASON);
        refusesIssue(
            carrierKey,
            SECOND,
            NOTE,
            bank,
            abi.encodeWithSelector(IRailBills.RailBills_NoteTaken.selector, NOTE)
        );
    }

    function test_Issue_GivenTheNotesBillWasVoided() public {
        issue(bank);
        voidTogether(BILL, bankKey, carrierKey);
        vm.assertEq(BillId.unwrap(bills.billOfNote(NOTE)), 0, "the note is free");
        refusesIssue(
            carrierKey,
            BILL,
            NOTE,
            bank,
            abi.encodeWithSelector(IRailBills.RailBills_BillExists.selector, BILL)
        );
        bills.execute(byKey(rivalKey, BillAct.Issue, SECOND, issueArgument(importer, true), NOTE));
        vm.assertEq(BillId.unwrap(bills.billOfNote(NOTE)), BillId.unwrap(SECOND), "bill of note");
        assertStands(BillState.Voided, bank, 2);
    }

    function test_Issue_WhenACarrierIssuesToOrder() public {
        Intent memory intent = byKey(carrierKey, BillAct.Issue, BILL, issueArgument(bank, true), NOTE);
        uint256 act = uint256(uint8(BillAct.Issue)) | (uint256(LATER) << 8)
            | (uint256(uint160(vm.addr(carrierKey))) << 56);
        // The word, written out: version 1, holder, issuer, sequence 1, to order, issued.
        uint256 word =
            (1 << 224) | (uint256(bank) << 80) | (uint256(carrier) << 48) | (1 << 16) | (1 << 8) | 1;
        vm.expectEmit(true, true, true, true, address(bills));
        emit IRailBills.Acted(BILL, act, word, NOTE);
        bills.execute(intent);
        vm.assertEq(bills.billWord(BILL), word, "word");

        IRailBills.Bill memory bill = bills.bill(BILL);
        vm.assertTrue(bill.state == BillState.Issued, "state");
        vm.assertTrue(bill.toOrder, "to order");
        vm.assertEq(bill.sequence, 1, "sequence");
        vm.assertEq(bill.version, 1, "version");
        vm.assertEq(bill.issuer, carrier, "issuer");
        vm.assertEq(bill.holder, bank, "holder");
        vm.assertEq(bill.offeree, 0, "offeree");
        vm.assertEq(bill.offerExpiry, 0, "expiry");
        vm.assertEq(BillId.unwrap(bills.billOfNote(NOTE)), BillId.unwrap(BILL), "bill of note");
        vm.assertEq(address(bills.parties()), address(parties), "registry");
    }

    function test_Issue_WhenACarrierIssuesToANamedHolder() public {
        doAct(carrierKey, BillAct.Issue, issueArgument(bank, false), NOTE);
        assertStands(BillState.Issued, bank, 1);
        vm.assertFalse(bills.bill(BILL).toOrder, "to order");
    }

    function test_Issue_WhenACarrierIssuesToItself() public {
        issue(carrier);
        assertStands(BillState.Issued, carrier, 1);
    }

    function refusesIssue(uint256 key, BillId id, bytes32 note, uint32 holder, bytes memory reason) private {
        Intent memory intent = draft(BillAct.Issue, id, 0, issueArgument(holder, true), note);
        refuses(bills, signed(bills, intent, key), reason);
    }
}
