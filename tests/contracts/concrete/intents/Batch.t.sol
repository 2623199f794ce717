// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BillAct, BillId, BillState, IRailBills} from "../../../../contracts/bills/IRailBills.sol";
import {Cosignature, IIntents, Intent} from "../../../../contracts/shared/IIntents.sol";
import {House} from "../../support/House.sol";
import {Probe} from "../../support/Probe.sol";
import {Vm} from "../../support/Test.sol";

contract BatchTest is House {
    Probe private probe;

    function setUp() public override {
        super.setUp();
        probe = new Probe();
    }

    function test_ExecuteBatch_WhenTheBatchIsEmpty() public {
        vm.recordLogs();
        bills.executeBatch(new Intent[](0), none());
        vm.assertEq(vm.getRecordedLogs().length, 0, "events");
    }

    function test_ExecuteBatch_WhenActsDependOnOneAnother() public {
        bills.executeBatch(
            many(issuing(), step(bankKey, BillAct.Transfer, 1, importer), surrendering(2)), none()
        );
        assertStands(BillState.Surrendered, importer, 3);
    }

    function test_ExecuteBatch_WhenActsThatDependOnOneAnotherStandInTheWrongOrder() public {
        Intent[] memory intents =
            many(issuing(), surrendering(2), step(bankKey, BillAct.Transfer, 1, importer));
        vm.expectEmit(true, true, true, true, address(bills));
        emit IIntents.IntentRefused(
            1,
            BillId.unwrap(BILL),
            abi.encodeWithSelector(IRailBills.RailBills_StaleSequence.selector, BILL, uint32(1), uint32(2))
        );
        bills.executeBatch(intents, none());
        assertStands(BillState.Issued, importer, 2);
    }

    function test_ExecuteBatch_WhenAnActIsRefused() public {
        Intent memory wrong = step(carrierKey, BillAct.Transfer, 1, rival);
        Intent[] memory intents = many(issuing(), wrong, step(bankKey, BillAct.Transfer, 1, importer));
        vm.recordLogs();
        bills.executeBatch(intents, none());
        assertStands(BillState.Issued, importer, 2);

        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 3, "events");
        vm.assertEq(logs[1].topics[0], IIntents.IntentRefused.selector, "event");
        vm.assertEq(uint256(logs[1].topics[1]), 1, "position");
        vm.assertEq(logs[1].topics[2], BillId.unwrap(BILL), "subject");
        vm.assertEq(
            abi.decode(logs[1].data, (bytes)),
            abi.encodeWithSelector(IRailBills.RailBills_WrongParty.selector, BILL, bank, carrier),
            "reason"
        );
    }

    function test_ExecuteBatch_WhenTheSameActStandsTwice() public {
        issue(bank);
        Intent memory twice = step(bankKey, BillAct.Transfer, 1, importer);
        vm.expectEmit(true, true, true, true, address(bills));
        emit IIntents.IntentRefused(
            1,
            BillId.unwrap(BILL),
            abi.encodeWithSelector(IRailBills.RailBills_StaleSequence.selector, BILL, uint32(2), uint32(1))
        );
        bills.executeBatch(many(twice, twice), none());
        assertStands(BillState.Issued, importer, 2);
    }

    function test_ExecuteBatch_WhenAnActUsesUpItsGas() public {
        Intent[] memory intents = many(
            probing(Probe.ProbeAct.Note, 0), probing(Probe.ProbeAct.Burn, 0), probing(Probe.ProbeAct.Note, 0)
        );
        uint256 before = gasleft();
        vm.recordLogs();
        probe.executeBatch(intents, none());
        vm.assertLt(before - gasleft(), probe.INTENT_GAS() + 100_000, "more burnt than the cap");

        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 3, "events");
        vm.assertEq(logs[0].topics[0], Probe.Noted.selector, "first neighbour");
        vm.assertEq(logs[1].topics[0], IIntents.IntentRefused.selector, "refusal");
        vm.assertEq(uint256(logs[1].topics[1]), 1, "position");
        vm.assertEq(abi.decode(logs[1].data, (bytes)).length, 0, "reason");
        vm.assertEq(logs[2].topics[0], Probe.Noted.selector, "second neighbour");
    }

    function test_ExecuteBatch_WhenAReasonIsLong() public {
        vm.recordLogs();
        probe.executeBatch(
            many(probing(Probe.ProbeAct.Refuse, 10_000), probing(Probe.ProbeAct.Note, 0)), none()
        );
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(abi.decode(logs[0].data, (bytes)).length, 10_000, "reason");
        vm.assertEq(logs[1].topics[0], Probe.Noted.selector, "neighbour");
    }

    function test_ExecuteBatch_WhenActsHaveCosignatures() public {
        issue(bank);
        BillId second = issueSecond();
        Intent memory first = signed(bills, voiding(BILL), bankKey);
        Intent memory last = signed(bills, voiding(second), bankKey);
        Intent memory between = probing(Probe.ProbeAct.Note, 0); // a stranger here, without cosigners
        Cosignature[] memory cosignatures =
            many(cosigned(bills, first, carrierKey), cosigned(bills, last, carrierKey));
        bills.executeBatch(many(first, between, last), cosignatures);
        assertStands(BillState.Voided, bank, 2);
        vm.assertTrue(bills.bill(second).state == BillState.Voided, "second bill");
    }

    function test_ExecuteBatch_WhenACosignedActIsRefused() public {
        issue(bank);
        BillId second = issueSecond();
        Intent memory first = signed(bills, voiding(BILL), bankKey);
        Intent memory last = signed(bills, voiding(second), bankKey);
        // The rival cosigned the first: refused, and the second still gets the carrier's signature.
        Cosignature[] memory cosignatures =
            many(cosigned(bills, first, rivalKey), cosigned(bills, last, carrierKey));
        vm.expectEmit(true, true, true, true, address(bills));
        emit IIntents.IntentRefused(
            0,
            BillId.unwrap(BILL),
            abi.encodeWithSelector(IRailBills.RailBills_WrongParty.selector, BILL, carrier, rival)
        );
        bills.executeBatch(many(first, last), cosignatures);
        assertStands(BillState.Issued, bank, 1);
        vm.assertTrue(bills.bill(second).state == BillState.Voided, "second bill");
    }

    function test_ExecuteBatch_RevertWhen_TooFewCosignaturesAreGiven() public {
        issue(bank);
        Intent memory intent = signed(bills, voiding(BILL), bankKey);
        Intent[] memory intents = many(intent, intent);
        Cosignature[] memory one = many(cosigned(bills, intent, carrierKey));
        vm.expectRevert(
            abi.encodeWithSelector(IIntents.Intents_CosignersMismatch.selector, uint256(2), uint256(1))
        );
        bills.executeBatch(intents, one);
        assertStands(BillState.Issued, bank, 1);
    }

    function test_ExecuteBatch_RevertWhen_TooManyCosignaturesAreGiven() public {
        issue(bank);
        Intent memory intent = signed(bills, voiding(BILL), bankKey);
        Cosignature memory one = cosigned(bills, intent, carrierKey);
        vm.expectRevert(
            abi.encodeWithSelector(IIntents.Intents_CosignersMismatch.selector, uint256(1), uint256(2))
        );
        bills.executeBatch(many(intent), many(one, one));
        assertStands(BillState.Issued, bank, 1);
    }

    function test_ExecuteBatch_RevertWhen_TooLittleGasIsLeftForAnAct() public {
        Intent[] memory intents = many(issuing(), step(bankKey, BillAct.Transfer, 1, importer));
        vm.expectRevert(abi.encodeWithSelector(IIntents.Intents_InsufficientGas.selector, uint256(1)));
        bills.executeBatch{gas: 250_000}(intents, none());
        vm.assertEq(bills.billWord(BILL), 0, "the first act must not stand alone");
        vm.expectRevert(abi.encodeWithSelector(IIntents.Intents_InsufficientGas.selector, uint256(0)));
        bills.executeBatch{gas: 210_000}(intents, none());
    }

    function test_ExecuteBatch_RevertWhen_TooLittleGasIsLeftForACosignedAct() public {
        issue(bank);
        Intent memory intent = signed(bills, voiding(BILL), bankKey);
        Cosignature[] memory one = many(cosigned(bills, intent, carrierKey));
        vm.expectRevert(abi.encodeWithSelector(IIntents.Intents_InsufficientGas.selector, uint256(0)));
        bills.executeBatch{gas: 210_000}(many(intent), one);
        assertStands(BillState.Issued, bank, 1);
    }

    function issuing() private view returns (Intent memory) {
        return signed(bills, draft(BillAct.Issue, BILL, 0, issueArgument(bank, true), NOTE), carrierKey);
    }

    function surrendering(uint32 sequence) private view returns (Intent memory) {
        return step(importerKey, BillAct.Surrender, sequence, 0);
    }

    function step(uint256 key, BillAct act, uint32 sequence, uint160 argument)
        private
        view
        returns (Intent memory)
    {
        return signed(bills, draft(act, BILL, sequence, argument, 0), key);
    }

    function issueSecond() private returns (BillId second) {
        second = BillId.wrap(keccak256("second bill"));
        bills.execute(
            byKey(carrierKey, BillAct.Issue, second, issueArgument(bank, true), keccak256("second note"))
        );
    }

    function probing(Probe.ProbeAct act, uint160 argument) private view returns (Intent memory intent) {
        intent.subject = keccak256("subject");
        intent.head = packHead(uint8(act), 0, false, 0, LATER, argument);
        return signed(probe, intent, bankKey);
    }
}
