// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BillAct, BillId, BillState, IRailBills} from "../../../../contracts/bills/IRailBills.sol";
import {IParties, PartyAct, Role} from "../../../../contracts/parties/IParties.sol";
import {Cosignature, IIntents, Intent} from "../../../../contracts/shared/IIntents.sol";
import {House} from "../../support/House.sol";
import {Probe} from "../../support/Probe.sol";

contract ExecuteTest is House {
    /// @dev Half of the order of secp256k1: the greatest s that counts as low.
    uint256 private constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    function setUp() public override {
        super.setUp();
        issue(bank);
    }

    function test_Execute_RevertWhen_TheKindIsUnknown() public {
        uint8[4] memory kinds = [0, uint8(type(BillAct).max) + 1, 128, 255];
        for (uint256 i = 0; i < kinds.length; ++i) {
            Intent memory intent = transfer();
            intent.head = (intent.head & ~uint256(0xff)) | kinds[i];
            refuses(bills, intent, abi.encodeWithSelector(IIntents.Intents_UnknownKind.selector, kinds[i]));
            intent.head =
                (intent.head & ~uint256(0xff)) | (kinds[i] == 13 ? uint8(type(PartyAct).max) + 1 : kinds[i]);
            refuses(
                parties,
                intent,
                abi.encodeWithSelector(IIntents.Intents_UnknownKind.selector, uint8(intent.head))
            );
        }
    }

    function test_Execute_RevertWhen_ABitIsSetThatTheKindDoesNotUse() public view {
        for (uint8 kind = 1; kind <= uint8(type(BillAct).max); ++kind) {
            (uint160 argument, bool detail) = fieldsOfBillAct(BillAct(kind));
            refusesUnused(bills, kind, 256, argument, false, detail);
        }
        for (uint8 kind = 1; kind <= uint8(type(PartyAct).max); ++kind) {
            (uint256 subject, uint160 argument, bool flag, bool detail) = fieldsOfPartyAct(PartyAct(kind));
            refusesUnused(parties, kind, subject, argument, flag, detail);
        }
    }

    function test_Execute_RevertWhen_TheDeadlineHasPassed() public {
        Intent memory intent = withDeadline(draft(BillAct.Surrender, BILL, 1, 0, 0), START - 1);
        intent = signed(bills, intent, bankKey);
        refuses(
            bills,
            intent,
            abi.encodeWithSelector(
                IIntents.Intents_DeadlinePassed.selector, START - 1, uint48(block.timestamp)
            )
        );
    }

    function test_Execute_WhenTheDeadlineIsNow() public {
        Intent memory intent = withDeadline(draft(BillAct.Surrender, BILL, 1, 0, 0), START);
        bills.execute(signed(bills, intent, bankKey));
        assertStands(BillState.Surrendered, bank, 2);
    }

    function test_Execute_RevertWhen_TheSignatureIsMalformed() public {
        bytes memory reason = abi.encodeWithSelector(IIntents.Intents_BadSignature.selector);
        Intent memory intent = transfer();
        bytes32 vs = intent.vs;
        bytes32 r = intent.r;
        (intent.r, intent.vs) = (0, 0);
        refuses(bills, intent, reason);
        (intent.r, intent.vs) = (0, vs);
        refuses(bills, intent, reason);
        (intent.r, intent.vs) = (r, 0);
        refuses(bills, intent, reason);
        (intent.r, intent.vs) = (bytes32(type(uint256).max), vs);
        refuses(bills, intent, reason);
    }

    function test_Execute_RevertWhen_TheSignatureIsHighS() public {
        Intent memory intent = transfer();
        intent.vs = bytes32(HALF_ORDER + 1);
        refuses(bills, intent, abi.encodeWithSelector(IIntents.Intents_BadSignature.selector));
        intent.vs = bytes32((HALF_ORDER + 1) | (1 << 255));
        refuses(bills, intent, abi.encodeWithSelector(IIntents.Intents_BadSignature.selector));
    }

    function test_Execute_RevertWhen_TheSignatureWasMadeForAnotherContract() public {
        IRailBills other = IRailBills(vm.deployCode("RailBills.sol:RailBills", abi.encode(parties)));
        Intent memory intent = signed(other, draft(BillAct.Transfer, BILL, 1, importer, 0), bankKey);
        refuses(
            bills,
            intent,
            abi.encodeWithSelector(IParties.Parties_UnknownKey.selector, signerHere(bills, intent))
        );
    }

    function test_Execute_RevertWhen_TheSignatureWasMadeForAnotherChain() public {
        uint256 here = block.chainid;
        Intent memory intent = transfer();
        vm.chainId(here + 1);
        refuses(
            bills,
            intent,
            abi.encodeWithSelector(IParties.Parties_UnknownKey.selector, signerHere(bills, intent))
        );
        vm.chainId(here);
        bills.execute(intent);
        assertStands(BillState.Issued, importer, 2);
    }

    function test_Execute_RevertWhen_TheSignerIsUnknown() public {
        uint256 key = keyNamed("nobody");
        Intent memory intent = signed(bills, draft(BillAct.Transfer, BILL, 1, importer, 0), key);
        refuses(bills, intent, abi.encodeWithSelector(IParties.Parties_UnknownKey.selector, vm.addr(key)));
    }

    function test_Execute_RevertWhen_TheKeyWasRevoked() public {
        Intent memory intent = transfer();
        uint256 next = keyNamed("bank, second");
        executeJoint(withCosigners(keyAct(PartyAct.RotateKey, bank, vm.addr(next)), 1), bankKey, next);
        vm.warp(START + 1 days);
        refuses(
            bills,
            intent,
            abi.encodeWithSelector(IParties.Parties_KeyRevokedSince.selector, vm.addr(bankKey), START)
        );
        bills.execute(signed(bills, intent, next));
        assertStands(BillState.Issued, importer, 2);
    }

    function test_Execute_RevertWhen_TheActWasExecutedBefore() public {
        Intent memory intent = transfer();
        bills.execute(intent);
        bytes memory reason =
            abi.encodeWithSelector(IRailBills.RailBills_StaleSequence.selector, BILL, uint32(2), uint32(1));
        refuses(bills, intent, reason);

        // Nor when the bill has come back to the state that it was signed in.
        doAct(importerKey, BillAct.Transfer, bank, 0);
        reason =
            abi.encodeWithSelector(IRailBills.RailBills_StaleSequence.selector, BILL, uint32(3), uint32(1));
        refuses(bills, intent, reason);

        Intent memory granting =
            byAdministrator(PartyAct.GrantRole, importer, roleArgument(Role.Importer, START, START + 1), 0);
        parties.execute(granting);
        uint32 sequence = parties.administratorSequence();
        refuses(
            parties,
            granting,
            abi.encodeWithSelector(IParties.Parties_StaleSequence.selector, sequence, sequence - 1)
        );
    }

    function test_Execute_RevertWhen_TheSequenceIsAhead() public {
        Intent memory intent = signed(bills, draft(BillAct.Transfer, BILL, 2, importer, 0), bankKey);
        bytes memory reason =
            abi.encodeWithSelector(IRailBills.RailBills_StaleSequence.selector, BILL, uint32(1), uint32(2));
        refuses(bills, intent, reason);
    }

    function test_Execute_RevertWhen_TheHeadAnnouncesCosigners() public {
        Intent memory intent = withCosigners(transfer(), 1);
        vm.expectRevert(
            abi.encodeWithSelector(IIntents.Intents_CosignersMismatch.selector, uint256(1), uint256(0))
        );
        bills.execute(intent);
    }

    function test_Execute_WhenAnyAccountSendsIt() public {
        Intent memory intent = transfer();
        vm.prank(address(0xdead));
        bills.execute(intent);
        assertStands(BillState.Issued, importer, 2);
    }

    function test_ExecuteJoint_RevertWhen_FewerSignaturesAreGivenThanTheHeadSays() public {
        Intent memory intent = withCosigners(signed(bills, voiding(BILL), bankKey), 2);
        Cosignature[] memory one = many(cosigned(bills, intent, carrierKey));
        vm.expectRevert(
            abi.encodeWithSelector(IIntents.Intents_CosignersMismatch.selector, uint256(2), uint256(1))
        );
        bills.executeJoint(intent, one);
    }

    function test_ExecuteJoint_RevertWhen_MoreSignaturesAreGivenThanTheHeadSays() public {
        Intent memory intent = signed(bills, voiding(BILL), bankKey);
        Cosignature memory one = cosigned(bills, intent, carrierKey);
        vm.expectRevert(
            abi.encodeWithSelector(IIntents.Intents_CosignersMismatch.selector, uint256(1), uint256(2))
        );
        bills.executeJoint(intent, many(one, one));
    }

    function test_ExecuteJoint_RevertWhen_ACosignatureIsMalformed() public {
        Intent memory intent = signed(bills, voiding(BILL), bankKey);
        Cosignature memory wrong = Cosignature({r: 0, vs: 0});
        refusesJoint(
            bills, intent, many(wrong), abi.encodeWithSelector(IIntents.Intents_BadSignature.selector)
        );
    }

    function test_ExecuteJoint_RevertWhen_TheKindTakesNoCosigner() public {
        bytes memory reason =
            abi.encodeWithSelector(IIntents.Intents_CosignersMismatch.selector, uint256(0), uint256(1));
        Intent memory intent = withCosigners(transfer(), 1);
        refusesJoint(bills, intent, many(cosigned(bills, intent, carrierKey)), reason);

        BillId second = BillId.wrap(keccak256("second bill"));
        intent = draft(BillAct.Issue, second, 0, issueArgument(bank, true), keccak256("second note"));
        intent = withCosigners(signed(bills, intent, carrierKey), 1);
        refusesJoint(bills, intent, many(cosigned(bills, intent, bankKey)), reason);

        intent = withCosigners(byAdministrator(PartyAct.Suspend, bank, 0, REASON), 1);
        refusesJoint(parties, intent, many(cosigned(parties, intent, bankKey)), reason);

        intent = keyAct(PartyAct.RevokeKey, bank, vm.addr(bankKey));
        intent = withCosigners(signed(parties, intent, bankKey), 1);
        refusesJoint(parties, intent, many(cosigned(parties, intent, bankKey)), reason);
    }

    function test_ExecuteJoint_RevertWhen_TheKindTakesFewerCosigners() public {
        bytes memory reason =
            abi.encodeWithSelector(IIntents.Intents_CosignersMismatch.selector, uint256(1), uint256(2));
        Intent memory intent = withCosigners(signed(bills, voiding(BILL), bankKey), 2);
        Cosignature memory one = cosigned(bills, intent, carrierKey);
        refusesJoint(bills, intent, many(one, one), reason);
    }

    function test_ExecuteJoint_WhenAllHaveSigned() public {
        Probe probe = new Probe();
        Intent memory intent;
        intent.subject = keccak256("subject");
        intent.head = packHead(uint8(Probe.ProbeAct.Note), 2, false, 0, LATER, 0);
        intent = signed(probe, intent, bankKey);
        Cosignature[] memory both =
            many(cosigned(probe, intent, carrierKey), cosigned(probe, intent, importerKey));
        vm.recordLogs();
        probe.executeJoint(intent, both);
        (, address signer, address[] memory cosigners) =
            abi.decode(vm.getRecordedLogs()[0].data, (uint256, address, address[]));
        vm.assertEq(signer, vm.addr(bankKey), "signer");
        vm.assertEq(cosigners.length, 2, "cosigners");
        vm.assertEq(cosigners[0], vm.addr(carrierKey), "first cosigner");
        vm.assertEq(cosigners[1], vm.addr(importerKey), "second cosigner");

        voidTogether(BILL, bankKey, carrierKey);
        assertStands(BillState.Voided, bank, 2);
    }

    function test_IntentDigest_RevertWhen_TheKindIsUnknown() public {
        Intent memory intent = transfer();
        intent.head |= 0xff;
        vm.expectRevert(abi.encodeWithSelector(IIntents.Intents_UnknownKind.selector, uint8(0xff)));
        bills.intentDigest(intent);
    }

    function test_IntentDigest_WhenTheChainSplits() public {
        Intent memory intent = transfer();
        bytes32 here = bills.intentDigest(intent);
        vm.chainId(block.chainid + 1);
        vm.assertTrue(here != bills.intentDigest(intent), "one digest on two chains");
    }

    function test_IntentDigest_WhenOnlyTheNumberOfCosignersDiffers() public view {
        Intent memory intent = transfer();
        bytes32 before = bills.intentDigest(intent);
        vm.assertEq(bills.intentDigest(withCosigners(intent, 127)), before, "digest");
    }

    function transfer() private view returns (Intent memory) {
        return byKey(bankKey, BillAct.Transfer, BILL, importer, 0);
    }

    /// @dev Every bit outside the fields is refused, one by one. Deadline, sequence and cosigners are
    /// fields of every kind.
    function refusesUnused(
        IIntents target,
        uint8 kind,
        uint256 subjectBits,
        uint160 argument,
        bool flag,
        bool detail
    ) private view {
        Intent memory intent;
        uint256 clean = packHead(kind, 0, false, 0, LATER, 0);
        uint256 headBits = uint256(type(uint96).max) & ~(flag ? 0 : uint256(1 << 15));
        headBits |= uint256(argument) << 96;
        intent.head = clean;
        target.intentDigest(intent);
        for (uint256 bit = 8; bit < 256; ++bit) {
            intent.head = clean ^ (1 << bit);
            expectUnused(target, intent, headBits & (1 << bit) != 0);
            intent.head = clean;
            intent.subject = bytes32(1 << bit);
            expectUnused(target, intent, bit < subjectBits);
            intent.subject = 0;
            intent.detail = bytes32(1 << bit);
            expectUnused(target, intent, detail);
            intent.detail = 0;
        }
    }

    function expectUnused(IIntents target, Intent memory intent, bool used) private view {
        try target.intentDigest(intent) {
            vm.assertTrue(used, "a bit without a meaning was taken");
        } catch (bytes memory reason) {
            vm.assertFalse(used, "a bit with a meaning was refused");
            vm.assertEq(bytes32(reason), bytes32(IIntents.Intents_UnusedBits.selector), "reason");
        }
    }

    function fieldsOfBillAct(BillAct act) private pure returns (uint160 argument, bool detail) {
        if (act == BillAct.Issue) return ((1 << 33) - 1, true);
        if (act == BillAct.Transfer) return (type(uint32).max, false);
        if (act == BillAct.Offer) return ((1 << 80) - 1, false);
        return (0, act == BillAct.RefuseSurrender || act == BillAct.Deliver || act == BillAct.Void);
    }

    function fieldsOfPartyAct(PartyAct act)
        private
        pure
        returns (uint256 subject, uint160 argument, bool flag, bool detail)
    {
        uint160 whole = type(uint160).max;
        if (act == PartyAct.Admit) return (256, whole, true, true);
        if (act == PartyAct.GrantRole) return (32, (1 << 104) - 1, false, false);
        if (act == PartyAct.EndRole) return (32, (1 << 56) - 1, false, false);
        if (act == PartyAct.Suspend) return (32, 0, false, true);
        if (act == PartyAct.Reinstate) return (32, 0, false, false);
        if (act == PartyAct.RevokeKey) return (32, whole, false, false);
        if (act == PartyAct.TransferAdministration) return (0, whole, false, false);
        return (32, whole, true, false);
    }
}
