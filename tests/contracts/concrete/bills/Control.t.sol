// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BillAct, BillId, BillState, IRailBills} from "../../../../contracts/bills/IRailBills.sol";
import {Intent} from "../../../../contracts/shared/IIntents.sol";
import {House} from "../../support/House.sol";

contract ControlTest is House {
    uint48 private constant EXPIRY = START + 1 days;

    function setUp() public override {
        super.setUp();
        issue(bank);
    }

    function test_Transfer_RevertWhen_TheBillIsUnknown() public {
        BillId unknown = BillId.wrap(keccak256("unknown"));
        for (uint8 act = uint8(BillAct.Transfer); act <= uint8(type(BillAct).max); ++act) {
            Intent memory intent = draft(BillAct(act), unknown, 0, 0, 0);
            refuses(
                bills,
                signed(bills, intent, bankKey),
                abi.encodeWithSelector(IRailBills.RailBills_UnknownBill.selector, unknown)
            );
        }
    }

    function test_Transfer_RevertWhen_TheSignerIsNotTheHolder() public {
        refusesStrangers(BillAct.Transfer, importer, bank);
    }

    function test_Transfer_RevertGiven_TheBillIsNotToOrder() public {
        refusesNotToOrder(BillAct.Transfer, importer);
    }

    function test_Transfer_RevertGiven_TheBillIsNotInIssue() public {
        refusesOutOfIssue(BillAct.Transfer, importer);
    }

    function test_Transfer_RevertWhen_TheNewHolderIsUnknown() public {
        refusesUnknown(BillAct.Transfer, 0);
    }

    function test_Transfer_RevertWhen_TheNewHolderIsTheHolder() public {
        refusesBank(
            BillAct.Transfer,
            bank,
            abi.encodeWithSelector(IRailBills.RailBills_AlreadyHolder.selector, BILL, bank)
        );
    }

    function test_Transfer_WhenTheHolderSigns() public {
        Intent memory intent = byKey(bankKey, BillAct.Transfer, BILL, importer, 0);
        uint256 act = uint256(uint8(BillAct.Transfer)) | (uint256(LATER) << 8)
            | (uint256(uint160(vm.addr(bankKey))) << 56);
        uint256 word =
            (1 << 224) | (uint256(importer) << 80) | (uint256(carrier) << 48) | (2 << 16) | (1 << 8) | 1;
        vm.expectEmit(true, true, true, true, address(bills));
        emit IRailBills.Acted(BILL, act, word, 0);
        bills.execute(intent);
        assertStands(BillState.Issued, importer, 2);
        vm.assertEq(bills.billWord(BILL), word, "word");
    }

    function test_Transfer_GivenAnOfferStands() public {
        offer(rival);
        doAct(bankKey, BillAct.Transfer, importer, 0);
        assertStands(BillState.Issued, importer, 3);
        assertNoOffer();
    }

    function test_Transfer_GivenTheHolderIsSuspended() public {
        suspend(bank);
        doAct(bankKey, BillAct.Transfer, importer, 0);
        assertStands(BillState.Issued, importer, 2);
    }

    function test_Offer_RevertWhen_TheSignerIsNotTheHolder() public {
        refusesStrangers(BillAct.Offer, offerArgument(importer, EXPIRY), bank);
    }

    function test_Offer_RevertGiven_TheBillIsNotToOrder() public {
        refusesNotToOrder(BillAct.Offer, offerArgument(importer, EXPIRY));
    }

    function test_Offer_RevertGiven_TheBillIsNotInIssue() public {
        refusesOutOfIssue(BillAct.Offer, offerArgument(importer, EXPIRY));
    }

    function test_Offer_RevertWhen_TheOffereeIsUnknown() public {
        refusesUnknown(BillAct.Offer, uint160(EXPIRY) << 32);
    }

    function test_Offer_RevertWhen_TheOffereeIsTheHolder() public {
        refusesBank(
            BillAct.Offer,
            offerArgument(bank, EXPIRY),
            abi.encodeWithSelector(IRailBills.RailBills_AlreadyHolder.selector, BILL, bank)
        );
    }

    function test_Offer_RevertWhen_TheExpiryHasPassed() public {
        refusesBank(
            BillAct.Offer,
            offerArgument(importer, START - 1),
            abi.encodeWithSelector(IRailBills.RailBills_BadExpiry.selector, START - 1)
        );
        refusesBank(
            BillAct.Offer,
            offerArgument(importer, 0),
            abi.encodeWithSelector(IRailBills.RailBills_BadExpiry.selector, uint48(0))
        );
        doAct(bankKey, BillAct.Offer, offerArgument(importer, START), 0); // this second still counts
    }

    function test_Offer_WhenTheHolderSigns() public {
        offer(importer);
        assertStands(BillState.Issued, bank, 2);
        vm.assertEq(bills.bill(BILL).offeree, importer, "offeree");
        vm.assertEq(bills.bill(BILL).offerExpiry, EXPIRY, "expiry");
        vm.assertEq(
            bills.billWord(BILL),
            (1 << 224) | (uint256(EXPIRY) << 176) | (uint256(importer) << 112) | (uint256(bank) << 80)
                | (uint256(carrier) << 48) | (2 << 16) | (1 << 8) | 1,
            "word"
        );
    }

    function test_Offer_GivenAnotherOfferStands() public {
        offer(rival);
        doAct(bankKey, BillAct.Offer, offerArgument(importer, EXPIRY + 1), 0);
        vm.assertEq(bills.bill(BILL).offeree, importer, "offeree");
        vm.assertEq(bills.bill(BILL).offerExpiry, EXPIRY + 1, "expiry");
        refusesBy(rivalKey, BillAct.AcceptOffer, importer, rival);
    }

    function test_AcceptOffer_RevertGiven_NoOfferStands() public {
        refusesWithoutOffer(BillAct.AcceptOffer, importerKey);
    }

    function test_AcceptOffer_RevertWhen_TheSignerIsNotTheOfferee() public {
        offer(importer);
        refusesStrangers(BillAct.AcceptOffer, 0, importer);
    }

    function test_AcceptOffer_RevertGiven_TheOfferHasExpired() public {
        offer(importer);
        vm.warp(EXPIRY + 1);
        refuses(
            bills,
            byKey(importerKey, BillAct.AcceptOffer, BILL, 0, 0),
            abi.encodeWithSelector(IRailBills.RailBills_OfferExpired.selector, BILL, EXPIRY)
        );
    }

    function test_AcceptOffer_GivenTheOfferEndsNow() public {
        offer(importer);
        vm.warp(EXPIRY);
        doAct(importerKey, BillAct.AcceptOffer);
        assertStands(BillState.Issued, importer, 3);
    }

    function test_AcceptOffer_WhenTheOffereeSigns() public {
        offer(importer);
        doAct(importerKey, BillAct.AcceptOffer);
        assertStands(BillState.Issued, importer, 3);
        assertNoOffer();
    }

    function test_DeclineOffer_RevertGiven_NoOfferStands() public {
        refusesWithoutOffer(BillAct.DeclineOffer, importerKey);
    }

    function test_DeclineOffer_RevertWhen_TheSignerIsNotTheOfferee() public {
        offer(importer);
        refusesStrangers(BillAct.DeclineOffer, 0, importer);
    }

    function test_DeclineOffer_GivenTheOfferHasExpired() public {
        offer(importer);
        vm.warp(EXPIRY + 1);
        doAct(importerKey, BillAct.DeclineOffer);
        assertStands(BillState.Issued, bank, 3);
        assertNoOffer();
    }

    function test_DeclineOffer_WhenTheOffereeSigns() public {
        offer(importer);
        doAct(importerKey, BillAct.DeclineOffer);
        assertStands(BillState.Issued, bank, 3);
        assertNoOffer();
    }

    function test_WithdrawOffer_RevertGiven_NoOfferStands() public {
        refusesWithoutOffer(BillAct.WithdrawOffer, bankKey);
    }

    function test_WithdrawOffer_RevertWhen_TheSignerIsNotTheHolder() public {
        offer(importer);
        refusesStrangers(BillAct.WithdrawOffer, 0, bank);
    }

    function test_WithdrawOffer_GivenTheOfferHasExpired() public {
        offer(importer);
        vm.warp(EXPIRY + 1);
        doAct(bankKey, BillAct.WithdrawOffer);
        assertStands(BillState.Issued, bank, 3);
        assertNoOffer();
    }

    function test_WithdrawOffer_WhenTheHolderSigns() public {
        offer(importer);
        doAct(bankKey, BillAct.WithdrawOffer);
        assertStands(BillState.Issued, bank, 3);
        assertNoOffer();
    }

    function offer(uint32 to) private {
        doAct(bankKey, BillAct.Offer, offerArgument(to, EXPIRY), 0);
    }

    /// @dev Every party but the one whose act it is.
    function refusesStrangers(BillAct act, uint160 argument, uint32 needed) private {
        uint256[4] memory keys = [carrierKey, rivalKey, bankKey, importerKey];
        for (uint256 i = 0; i < keys.length; ++i) {
            uint32 party = parties.speaksFor(vm.addr(keys[i]));
            if (party == needed) continue;
            refuses(
                bills,
                byKey(keys[i], act, BILL, argument, 0),
                abi.encodeWithSelector(IRailBills.RailBills_WrongParty.selector, BILL, needed, party)
            );
        }
    }

    function refusesBy(uint256 key, BillAct act, uint32 needed, uint32 given) private {
        refuses(
            bills,
            byKey(key, act, BILL, 0, 0),
            abi.encodeWithSelector(IRailBills.RailBills_WrongParty.selector, BILL, needed, given)
        );
    }

    function refusesBank(BillAct act, uint160 argument, bytes memory reason) private {
        refuses(bills, byKey(bankKey, act, BILL, argument, 0), reason);
    }

    function refusesUnknown(BillAct act, uint160 argument) private {
        uint32[3] memory unknown = [0, parties.partyCount() + 1, type(uint32).max];
        for (uint256 i = 0; i < unknown.length; ++i) {
            bytes memory reason =
                abi.encodeWithSelector(IRailBills.RailBills_UnknownParty.selector, unknown[i]);
            refusesBank(act, argument | unknown[i], reason);
        }
    }

    function refusesNotToOrder(BillAct act, uint160 argument) private {
        BillId named = BillId.wrap(keccak256("named bill"));
        bills.execute(
            byKey(carrierKey, BillAct.Issue, named, issueArgument(bank, false), keccak256("named note"))
        );
        refuses(
            bills,
            byKey(bankKey, act, named, argument, 0),
            abi.encodeWithSelector(IRailBills.RailBills_NotToOrder.selector, named)
        );
    }

    function refusesOutOfIssue(BillAct act, uint160 argument) private {
        doAct(bankKey, BillAct.Surrender);
        refusesBank(act, argument, wrongState(BillState.Surrendered));
        doAct(carrierKey, BillAct.AcceptSurrender);
        refusesBank(act, argument, wrongState(BillState.Accepted));
        doAct(carrierKey, BillAct.Deliver, 0, REASON);
        refusesBank(act, argument, wrongState(BillState.Delivered));
    }

    function refusesWithoutOffer(BillAct act, uint256 key) private {
        bytes memory reason = abi.encodeWithSelector(IRailBills.RailBills_NoOffer.selector, BILL);
        refuses(bills, byKey(key, act, BILL, 0, 0), reason);
        offer(importer);
        doAct(bankKey, BillAct.Surrender);
        refuses(bills, byKey(key, act, BILL, 0, 0), reason);
    }

    function wrongState(BillState state) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IRailBills.RailBills_WrongState.selector, BILL, state);
    }

    function assertNoOffer() private view {
        vm.assertEq(bills.bill(BILL).offeree, 0, "offeree");
        vm.assertEq(bills.bill(BILL).offerExpiry, 0, "expiry");
    }
}
