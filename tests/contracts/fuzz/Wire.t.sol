// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BillWord, BillWords} from "../../../contracts/bills/BillWords.sol";
import {BillAct, BillId, BillState} from "../../../contracts/bills/IRailBills.sol";
import {IParties, PartyAct} from "../../../contracts/parties/IParties.sol";
import {Head} from "../../../contracts/shared/Heads.sol";
import {Cosignature, IIntents, Intent} from "../../../contracts/shared/IIntents.sol";
import {House} from "../support/House.sol";
import {Probe} from "../support/Probe.sol";
import {Vm} from "../support/Test.sol";

contract WireFuzz is House {
    function testFuzz_OneFlippedBitIsRefused(uint8 kind, uint256 bit) public {
        BillAct act = BillAct(bound(kind, 1, uint8(type(BillAct).max)));
        Intent memory intent = readyFor(act);
        bool joint = act == BillAct.Void;
        Cosignature[] memory cosignatures =
            joint ? many(cosigned(bills, intent, carrierKey)) : new Cosignature[](0);
        intent = flipped(intent, bound(bit, 0, 5 * 256 - 1));

        bytes32 before = stateDigest();
        bool done = true;
        if (joint) {
            try bills.executeJoint(intent, cosignatures) {}
            catch {
                done = false;
            }
        } else {
            try bills.execute(intent) {}
            catch {
                done = false;
            }
        }
        vm.assertFalse(done, "an altered act was executed");
        vm.assertEq(stateDigest(), before, "an altered act changed something");
    }

    function testFuzz_OneFlippedBitOfAnAdmissionIsRefused(uint256 bit, bool inCosignature) public {
        uint256 newKey = keyNamed("newcomer");
        Intent memory intent = signed(parties, admission(newKey), administratorKey);
        Cosignature memory one = cosigned(parties, intent, newKey);
        if (inCosignature) {
            bit = bound(bit, 0, 511);
            if (bit < 256) one.r ^= bytes32(1 << bit);
            else one.vs ^= bytes32(1 << (bit - 256));
        } else {
            intent = flipped(intent, bound(bit, 0, 5 * 256 - 1));
        }
        bytes32 before = stateDigest();
        bool done = true;
        try parties.executeJoint(intent, many(one)) {}
        catch {
            done = false;
        }
        vm.assertFalse(done, "an altered act was executed");
        vm.assertEq(stateDigest(), before, "an altered act changed something");
    }

    function testFuzz_AStrangersSignatureIsRefused(uint8 kind, uint256 key) public {
        BillAct act = BillAct(bound(kind, 1, uint8(type(BillAct).max)));
        key = bound(key, 1, 1 << 250);
        Intent memory intent = signed(bills, withCosigners(readyFor(act), 0), key);
        refuses(bills, intent, abi.encodeWithSelector(IParties.Parties_UnknownKey.selector, vm.addr(key)));
    }

    function testFuzz_NoActOfTheAdministratorChangesABill(uint8 kind, uint160 argument, bytes32 detail)
        public
    {
        BillAct act = BillAct(bound(kind, 1, uint8(type(BillAct).max)));
        Intent memory intent = readyFor(act);
        intent.head = (intent.head & type(uint96).max) | (uint256(argument) << 96);
        intent.detail = detail;
        uint256 word = bills.billWord(BILL);
        try bills.intentDigest(intent) {
            intent = signed(bills, intent, administratorKey);
        } catch {} // some of these are not even well-formed
        if (act == BillAct.Void) {
            try bills.intentDigest(intent) {
                Cosignature[] memory one = many(cosigned(bills, intent, carrierKey));
                try bills.executeJoint(intent, one) {
                    vm.assertTrue(false, "executed");
                } catch {}
            } catch {}
        } else {
            try bills.execute(intent) {
                vm.assertTrue(false, "executed");
            } catch {}
        }
        vm.assertEq(bills.billWord(BILL), word, "the administrator changed a bill");
    }

    function testFuzz_AHeadHoldsWhatWasPacked(
        uint8 kind,
        uint8 cosigners,
        bool flag,
        uint32 sequence,
        uint48 deadline,
        uint160 argument
    ) public pure {
        cosigners = cosigners & 0x7f;
        Head head = Head.wrap(packHead(kind, cosigners, flag, sequence, deadline, argument));
        vm.assertEq(head.kind(), kind, "kind");
        vm.assertEq(head.cosigners(), cosigners, "cosigners");
        vm.assertTrue(head.flag() == flag, "flag");
        vm.assertEq(head.sequence(), sequence, "sequence");
        vm.assertEq(head.deadline(), deadline, "deadline");
        vm.assertEq(head.argument(), argument, "argument");
    }

    /// @dev Each setter touches its own fields of the word and no other bit, reserved ones included.
    function testFuzz_AWordsSettersKeepToTheirFields(uint256 raw, uint32 party, uint48 expiry, uint8 state)
        public
        pure
    {
        BillWord word = BillWord.wrap((raw & ~uint256(0xff)) | bound(state, 0, uint8(type(BillState).max)));
        raw = BillWord.unwrap(word);
        uint256 offer = (uint256(type(uint32).max) << 112) | (uint256(type(uint48).max) << 176);
        uint256 holder = uint256(type(uint32).max) << 80;

        assertOnly(word.withHolder(party), raw, holder | offer);
        vm.assertEq(word.withHolder(party).holder(), party, "holder");
        vm.assertEq(word.withHolder(party).offeree(), 0, "offeree");
        assertOnly(word.withOffer(party, expiry), raw, offer);
        vm.assertEq(word.withOffer(party, expiry).offeree(), party, "offeree");
        vm.assertEq(word.withOffer(party, expiry).offerExpiry(), expiry, "expiry");
        assertOnly(word.withoutOffer(), raw, offer);
        vm.assertEq(word.withoutOffer().offeree(), 0, "offeree");
        vm.assertEq(word.withoutOffer().offerExpiry(), 0, "expiry");
        assertOnly(word.withState(BillState.Voided), raw, 0xff);
        vm.assertTrue(word.withState(BillState.Voided).state() == BillState.Voided, "state");
        if (word.sequence() != type(uint32).max) {
            assertOnly(word.advanced(), raw, uint256(type(uint32).max) << 16);
            vm.assertEq(word.advanced().sequence(), word.sequence() + 1, "sequence");
        }
    }

    function testFuzz_AnIssuedWordHoldsItsFields(uint32 issuer, uint32 holder, bool toOrder) public pure {
        BillWord word = BillWords.issued(issuer, holder, toOrder);
        vm.assertTrue(word.state() == BillState.Issued, "state");
        vm.assertEq(word.issuer(), issuer, "issuer");
        vm.assertEq(word.holder(), holder, "holder");
        vm.assertTrue(word.toOrder() == toOrder, "to order");
        vm.assertEq(word.sequence(), 1, "sequence");
        vm.assertEq(word.version(), 1, "version");
        vm.assertEq(word.offeree(), 0, "offeree");
        vm.assertEq(word.offerExpiry(), 0, "expiry");
        vm.assertEq(BillWord.unwrap(word) >> 144 & type(uint32).max, 0, "lienholder");
        vm.assertEq(BillWord.unwrap(word) >> 240, 0, "reserved");
    }

    /// @dev With any gas, an act of a batch has its whole cap or the batch does not stand.
    function testFuzz_AnActHasItsWholeCapOrNothingStands(uint256 gas, uint8 cosigners) public {
        Probe probe = new Probe();
        cosigners = uint8(bound(cosigners, 0, 20));
        gas = bound(gas, 30_000, 400_000);
        Intent memory intent;
        intent.head = packHead(uint8(Probe.ProbeAct.Note), cosigners, false, 0, LATER, 0);
        intent = signed(probe, intent, bankKey);
        Cosignature[] memory cosignatures = new Cosignature[](cosigners);
        for (uint256 i = 0; i < cosigners; ++i) {
            cosignatures[i] = cosigned(probe, intent, bankKey);
        }
        vm.recordLogs();
        probe.executeBatch(many(intent), cosignatures);
        uint256 whole = gasNoted(vm.getRecordedLogs()[0]);
        try probe.executeBatch{gas: gas}(many(intent), cosignatures) {
            vm.assertEq(gasNoted(vm.getRecordedLogs()[0]), whole, "an act had less than its cap");
        } catch (bytes memory reason) {
            vm.assertEq(vm.getRecordedLogs().length, 0, "nothing stands");
            bool named = bytes4(reason) == IIntents.Intents_InsufficientGas.selector;
            vm.assertTrue(named || reason.length == 0, "reason");
        }
    }

    function gasNoted(Vm.Log memory log) private pure returns (uint256 gas) {
        vm.assertEq(log.topics[0], Probe.Noted.selector, "the act ran");
        (gas,,) = abi.decode(log.data, (uint256, address, address[]));
    }

    function flipped(Intent memory intent, uint256 bit) private pure returns (Intent memory) {
        uint256 mask = 1 << (bit % 256);
        if (bit < 256) intent.subject ^= bytes32(mask);
        else if (bit < 512) intent.head ^= mask;
        else if (bit < 768) intent.detail ^= bytes32(mask);
        else if (bit < 1024) intent.r ^= bytes32(mask);
        else intent.vs ^= bytes32(mask);
        return intent;
    }

    /// @dev Brings the bill to where the act would be taken, and writes the act.
    function readyFor(BillAct act) private returns (Intent memory) {
        if (act == BillAct.Issue) {
            return byKey(carrierKey, act, BILL, issueArgument(bank, true), NOTE);
        }
        issue(bank);
        if (act == BillAct.Transfer) return byKey(bankKey, act, BILL, importer, 0);
        if (act == BillAct.Offer) return byKey(bankKey, act, BILL, offerArgument(importer, LATER), 0);
        if (act == BillAct.Void) return signed(bills, voiding(BILL), bankKey);
        if (act < BillAct.Surrender) {
            doAct(bankKey, BillAct.Offer, offerArgument(importer, LATER), 0);
            return byKey(act == BillAct.WithdrawOffer ? bankKey : importerKey, act, BILL, 0, 0);
        }
        if (act == BillAct.Surrender) return byKey(bankKey, act, BILL, 0, 0);
        doAct(bankKey, BillAct.Surrender);
        if (act == BillAct.WithdrawSurrender) return byKey(bankKey, act, BILL, 0, 0);
        if (act == BillAct.AcceptSurrender) return byKey(carrierKey, act, BILL, 0, 0);
        if (act == BillAct.Deliver) doAct(carrierKey, BillAct.AcceptSurrender);
        return byKey(carrierKey, act, BILL, 0, REASON);
    }

    function assertOnly(BillWord word, uint256 before, uint256 fields) private pure {
        vm.assertEq(BillWord.unwrap(word) & ~fields, before & ~fields, "a bit of another field");
    }
}
