// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BillAct, BillId, BillState, IRailBills} from "../../../../contracts/bills/IRailBills.sol";
import {IParties, PartyAct} from "../../../../contracts/parties/IParties.sol";
import {IIntents, Intent} from "../../../../contracts/shared/IIntents.sol";
import {House} from "../../support/House.sol";

contract EndingTest is House {
    function setUp() public override {
        super.setUp();
        issue(bank);
    }

    function test_Surrender_RevertWhen_TheSignerIsNotTheHolder() public {
        refusesStrangers(BillAct.Surrender, 0, bank);
    }

    function test_Surrender_RevertGiven_TheBillIsNotInIssue() public {
        doAct(bankKey, BillAct.Surrender);
        refusesState(bankKey, BillAct.Surrender, 0, BillState.Surrendered);
        doAct(carrierKey, BillAct.AcceptSurrender);
        refusesState(bankKey, BillAct.Surrender, 0, BillState.Accepted);
    }

    function test_Surrender_WhenTheHolderSigns() public {
        doAct(bankKey, BillAct.Surrender);
        assertStands(BillState.Surrendered, bank, 2);
    }

    function test_Surrender_GivenAnOfferStands() public {
        doAct(bankKey, BillAct.Offer, offerArgument(importer, LATER), 0);
        doAct(bankKey, BillAct.Surrender);
        assertStands(BillState.Surrendered, bank, 3);
        assertNoOffer();
    }

    function test_Surrender_GivenTheBillIsNotToOrder() public {
        BillId named = BillId.wrap(keccak256("named bill"));
        bills.execute(
            byKey(carrierKey, BillAct.Issue, named, issueArgument(bank, false), keccak256("named note"))
        );
        bills.execute(byKey(bankKey, BillAct.Surrender, named, 0, 0));
        vm.assertTrue(bills.bill(named).state == BillState.Surrendered, "state");
    }

    function test_Surrender_GivenHolderAndIssuerAreSuspended() public {
        suspend(bank);
        suspend(carrier);
        doAct(bankKey, BillAct.Surrender);
        doAct(bankKey, BillAct.WithdrawSurrender);
        doAct(bankKey, BillAct.Surrender);
        doAct(carrierKey, BillAct.RefuseSurrender, 0, REASON);
        doAct(bankKey, BillAct.Surrender);
        doAct(carrierKey, BillAct.AcceptSurrender);
        doAct(carrierKey, BillAct.Deliver, 0, REASON);
        assertStands(BillState.Delivered, bank, 8);
    }

    function test_WithdrawSurrender_RevertWhen_TheSignerIsNotTheHolder() public {
        doAct(bankKey, BillAct.Surrender);
        refusesStrangers(BillAct.WithdrawSurrender, 0, bank);
    }

    function test_WithdrawSurrender_RevertGiven_TheBillIsNotSurrendered() public {
        refusesState(bankKey, BillAct.WithdrawSurrender, 0, BillState.Issued);
    }

    function test_WithdrawSurrender_RevertGiven_TheSurrenderWasAccepted() public {
        accept();
        refusesState(bankKey, BillAct.WithdrawSurrender, 0, BillState.Accepted);
    }

    function test_WithdrawSurrender_WhenTheHolderSigns() public {
        doAct(bankKey, BillAct.Surrender);
        doAct(bankKey, BillAct.WithdrawSurrender);
        assertStands(BillState.Issued, bank, 3);
        doAct(bankKey, BillAct.Transfer, importer, 0);
    }

    function test_AcceptSurrender_RevertWhen_TheSignerIsNotTheIssuer() public {
        doAct(bankKey, BillAct.Surrender);
        refusesStrangers(BillAct.AcceptSurrender, 0, carrier);
    }

    function test_AcceptSurrender_RevertGiven_TheBillIsNotSurrendered() public {
        refusesState(carrierKey, BillAct.AcceptSurrender, 0, BillState.Issued);
        accept();
        refusesState(carrierKey, BillAct.AcceptSurrender, 0, BillState.Accepted);
    }

    function test_AcceptSurrender_WhenTheIssuerSigns() public {
        accept();
        assertStands(BillState.Accepted, bank, 3);
    }

    function test_RefuseSurrender_RevertWhen_TheSignerIsNotTheIssuer() public {
        doAct(bankKey, BillAct.Surrender);
        refusesStrangers(BillAct.RefuseSurrender, REASON, carrier);
    }

    function test_RefuseSurrender_RevertGiven_TheBillIsNotSurrendered() public {
        refusesState(carrierKey, BillAct.RefuseSurrender, REASON, BillState.Issued);
        accept();
        refusesState(carrierKey, BillAct.RefuseSurrender, REASON, BillState.Accepted);
    }

    function test_RefuseSurrender_RevertWhen_NoReasonIsGiven() public {
        doAct(bankKey, BillAct.Surrender);
        refusesZero(carrierKey, BillAct.RefuseSurrender);
    }

    function test_RefuseSurrender_WhenTheIssuerSigns() public {
        doAct(bankKey, BillAct.Surrender);
        doAct(carrierKey, BillAct.RefuseSurrender, 0, REASON);
        assertStands(BillState.Issued, bank, 3);
        doAct(bankKey, BillAct.Transfer, importer, 0);
    }

    function test_Deliver_RevertWhen_TheSignerIsNotTheIssuer() public {
        accept();
        refusesStrangers(BillAct.Deliver, REASON, carrier);
    }

    function test_Deliver_RevertGiven_TheSurrenderWasNotAccepted() public {
        refusesState(carrierKey, BillAct.Deliver, REASON, BillState.Issued);
        doAct(bankKey, BillAct.Surrender);
        refusesState(carrierKey, BillAct.Deliver, REASON, BillState.Surrendered);
    }

    function test_Deliver_RevertWhen_NoEvidenceIsGiven() public {
        accept();
        refusesZero(carrierKey, BillAct.Deliver);
    }

    function test_Deliver_WhenTheIssuerSigns() public {
        accept();
        doAct(carrierKey, BillAct.Deliver, 0, REASON);
        assertStands(BillState.Delivered, bank, 4);
        vm.assertEq(BillId.unwrap(bills.billOfNote(NOTE)), BillId.unwrap(BILL), "the note stays taken");
    }

    function test_Deliver_GivenTheBillWasDelivered() public {
        accept();
        doAct(carrierKey, BillAct.Deliver, 0, REASON);
        refusesAll(BillState.Delivered);
    }

    function test_Void_RevertWhen_TheHolderHasNotSigned() public {
        Intent memory intent = signed(bills, voiding(BILL), carrierKey);
        refusesJoint(bills, intent, many(cosigned(bills, intent, carrierKey)), wrongParty(bank, carrier));
        refusesJoint(bills, intent, many(cosigned(bills, intent, bankKey)), wrongParty(bank, carrier));
    }

    function test_Void_RevertWhen_TheIssuerHasNotSigned() public {
        Intent memory intent = signed(bills, withCosigners(voiding(BILL), 0), bankKey);
        refuses(
            bills,
            intent,
            abi.encodeWithSelector(IIntents.Intents_CosignersMismatch.selector, uint256(1), uint256(0))
        );
    }

    function test_Void_RevertWhen_AnotherCarrierSignsInPlaceOfTheIssuer() public {
        Intent memory intent = signed(bills, voiding(BILL), bankKey);
        refusesJoint(bills, intent, many(cosigned(bills, intent, rivalKey)), wrongParty(carrier, rival));
        refusesJoint(bills, intent, many(cosigned(bills, intent, bankKey)), wrongParty(carrier, bank));
    }

    function test_Void_RevertWhen_TheIssuersKeyWasRevoked() public {
        uint256 next = keyNamed("carrier, second");
        executeJoint(withCosigners(keyAct(PartyAct.RotateKey, carrier, vm.addr(next)), 1), carrierKey, next);
        Intent memory intent = signed(bills, voiding(BILL), bankKey);
        refusesJoint(
            bills,
            intent,
            many(cosigned(bills, intent, carrierKey)),
            abi.encodeWithSelector(IParties.Parties_KeyRevokedSince.selector, vm.addr(carrierKey), START)
        );
        bills.executeJoint(intent, many(cosigned(bills, intent, next)));
        assertStands(BillState.Voided, bank, 2);
    }

    function test_Void_RevertWhen_NoReasonIsGiven() public {
        Intent memory intent = voiding(BILL);
        intent.detail = 0;
        intent = signed(bills, intent, bankKey);
        refusesJoint(
            bills,
            intent,
            many(cosigned(bills, intent, carrierKey)),
            abi.encodeWithSelector(IRailBills.RailBills_ZeroDigest.selector)
        );
    }

    function test_Void_GivenTheHolderIsTheIssuer() public {
        doAct(bankKey, BillAct.Transfer, carrier, 0);
        Intent memory intent = signed(bills, voiding(BILL), carrierKey);
        refusesJoint(
            bills,
            intent,
            many(cosigned(bills, intent, bankKey)),
            abi.encodeWithSelector(IIntents.Intents_CosignersMismatch.selector, uint256(0), uint256(1))
        );
        bills.execute(withCosigners(intent, 0));
        assertStands(BillState.Voided, carrier, 3);
    }

    function test_Void_WhenHolderAndIssuerSign() public {
        voidTogether(BILL, bankKey, carrierKey);
        assertStands(BillState.Voided, bank, 2);
        vm.assertEq(BillId.unwrap(bills.billOfNote(NOTE)), 0, "the note is free");
    }

    function test_Void_GivenAnOfferStands() public {
        doAct(bankKey, BillAct.Offer, offerArgument(importer, LATER), 0);
        voidTogether(BILL, bankKey, carrierKey);
        assertNoOffer();
    }

    function test_Void_GivenTheBillIsSurrendered() public {
        doAct(bankKey, BillAct.Surrender);
        voidTogether(BILL, bankKey, carrierKey);
        assertStands(BillState.Voided, bank, 3);
    }

    function test_Void_GivenDeliveryIsOwed() public {
        accept();
        voidTogether(BILL, bankKey, carrierKey);
        assertStands(BillState.Voided, bank, 4);
    }

    function test_Void_GivenTheBillWasVoided() public {
        voidTogether(BILL, bankKey, carrierKey);
        refusesAll(BillState.Voided);
    }

    function accept() private {
        doAct(bankKey, BillAct.Surrender);
        doAct(carrierKey, BillAct.AcceptSurrender);
    }

    /// @dev Nothing more happens to a bill that has ended, whoever signs.
    function refusesAll(BillState ended) private {
        for (uint8 kind = uint8(BillAct.Transfer); kind <= uint8(type(BillAct).max); ++kind) {
            BillAct act = BillAct(kind);
            uint160 argument = act == BillAct.Transfer
                ? uint160(importer)
                : act == BillAct.Offer ? offerArgument(importer, LATER) : 0;
            bytes32 detail = act == BillAct.RefuseSurrender || act == BillAct.Deliver || act == BillAct.Void
                ? REASON
                : bytes32(0);
            bytes memory reason = act >= BillAct.AcceptOffer && act <= BillAct.WithdrawOffer
                ? abi.encodeWithSelector(IRailBills.RailBills_NoOffer.selector, BILL)
                : abi.encodeWithSelector(IRailBills.RailBills_WrongState.selector, BILL, ended);
            refuses(bills, byKey(bankKey, act, BILL, argument, detail), reason);
            refuses(bills, byKey(carrierKey, act, BILL, argument, detail), reason);
        }
        Intent memory voidingAgain = signed(bills, voiding(BILL), bankKey);
        refusesJoint(
            bills,
            voidingAgain,
            many(cosigned(bills, voidingAgain, carrierKey)),
            abi.encodeWithSelector(IRailBills.RailBills_WrongState.selector, BILL, ended)
        );
    }

    function refusesStrangers(BillAct act, bytes32 detail, uint32 needed) private {
        uint256[4] memory keys = [carrierKey, rivalKey, bankKey, importerKey];
        for (uint256 i = 0; i < keys.length; ++i) {
            uint32 party = parties.speaksFor(vm.addr(keys[i]));
            if (party == needed) continue;
            refuses(bills, byKey(keys[i], act, BILL, 0, detail), wrongParty(needed, party));
        }
    }

    function refusesState(uint256 key, BillAct act, bytes32 detail, BillState state) private {
        refuses(
            bills,
            byKey(key, act, BILL, 0, detail),
            abi.encodeWithSelector(IRailBills.RailBills_WrongState.selector, BILL, state)
        );
    }

    function refusesZero(uint256 key, BillAct act) private {
        refuses(
            bills,
            byKey(key, act, BILL, 0, 0),
            abi.encodeWithSelector(IRailBills.RailBills_ZeroDigest.selector)
        );
    }

    function wrongParty(uint32 needed, uint32 given) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IRailBills.RailBills_WrongParty.selector, BILL, needed, given);
    }

    function assertNoOffer() private view {
        vm.assertEq(bills.bill(BILL).offeree, 0, "offeree");
        vm.assertEq(bills.bill(BILL).offerExpiry, 0, "expiry");
    }
}
