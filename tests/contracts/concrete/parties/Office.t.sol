// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParties, PartyAct, Role} from "../../../../contracts/parties/IParties.sol";
import {Cosignature, IIntents, Intent} from "../../../../contracts/shared/IIntents.sol";
import {House} from "../../support/House.sol";

contract OfficeTest is House {
    uint256 private heir = keyNamed("heir");

    function test_Suspend_RevertWhen_TheSignerIsNotTheAdministrator() public {
        Intent memory intent = draft(PartyAct.Suspend, rival, parties.administratorSequence(), 0, REASON);
        refuses(
            parties,
            signed(parties, intent, carrierKey),
            abi.encodeWithSelector(IParties.Parties_NotAdministrator.selector, vm.addr(carrierKey))
        );
    }

    function test_Suspend_RevertWhen_ThePartyIsUnknown() public {
        refuses(
            parties,
            byAdministrator(PartyAct.Suspend, 99, 0, REASON),
            abi.encodeWithSelector(IParties.Parties_UnknownParty.selector, uint32(99))
        );
    }

    function test_Suspend_RevertWhen_NoReasonIsGiven() public {
        refuses(
            parties,
            byAdministrator(PartyAct.Suspend, carrier, 0, 0),
            abi.encodeWithSelector(IParties.Parties_ZeroDigest.selector)
        );
    }

    function test_Suspend_RevertGiven_ThePartyIsSuspendedAlready() public {
        suspend(carrier);
        refuses(
            parties,
            byAdministrator(PartyAct.Suspend, carrier, 0, REASON),
            abi.encodeWithSelector(IParties.Parties_AlreadySuspended.selector, carrier)
        );
    }

    function test_Suspend_WhenTheAdministratorSigns() public {
        Intent memory intent = byAdministrator(PartyAct.Suspend, carrier, 0, REASON);
        vm.expectEmit(true, true, true, true, address(parties));
        emit IParties.Suspended(carrier, REASON);
        parties.execute(intent);
        vm.assertTrue(parties.party(carrier).suspended, "suspended");
        vm.assertFalse(parties.party(rival).suspended, "its neighbour");
        vm.assertEq(parties.party(carrier).sequence, 0, "the party's own sequence");
        vm.assertEq(parties.speaksFor(vm.addr(carrierKey)), carrier, "its keys speak for it");
    }

    function test_Reinstate_RevertGiven_ThePartyIsNotSuspended() public {
        refuses(
            parties,
            byAdministrator(PartyAct.Reinstate, carrier, 0, 0),
            abi.encodeWithSelector(IParties.Parties_NotSuspended.selector, carrier)
        );
    }

    function test_Reinstate_GivenThePartyIsSuspended() public {
        suspend(carrier);
        Intent memory intent = byAdministrator(PartyAct.Reinstate, carrier, 0, 0);
        vm.expectEmit(true, true, true, true, address(parties));
        emit IParties.Reinstated(carrier);
        parties.execute(intent);
        vm.assertFalse(parties.party(carrier).suspended, "suspended");
        vm.assertTrue(parties.mayIssueAs(carrier, Role.Carrier), "may issue");
    }

    function test_TransferAdministration_RevertWhen_TheSignerIsNotTheAdministrator() public {
        Intent memory intent = signed(parties, handover(heir), heir);
        refusesJoint(
            parties,
            intent,
            many(cosigned(parties, intent, heir)),
            abi.encodeWithSelector(IParties.Parties_NotAdministrator.selector, vm.addr(heir))
        );
    }

    function test_TransferAdministration_RevertWhen_TheNewKeyHasNotSigned() public {
        Intent memory intent = signed(parties, withCosigners(handover(heir), 0), administratorKey);
        refuses(
            parties,
            intent,
            abi.encodeWithSelector(IIntents.Intents_CosignersMismatch.selector, uint256(1), uint256(0))
        );
    }

    function test_TransferAdministration_RevertWhen_AnotherKeySignsInPlaceOfTheNamedOne() public {
        uint256 thief = keyNamed("thief");
        Intent memory intent = signed(parties, handover(heir), administratorKey);
        refusesJoint(
            parties,
            intent,
            many(cosigned(parties, intent, thief)),
            abi.encodeWithSelector(IParties.Parties_NotPossessed.selector, vm.addr(heir), vm.addr(thief))
        );
    }

    function test_TransferAdministration_RevertWhen_TheNewKeyIsAPartys() public {
        refusesHandover(
            bankKey, abi.encodeWithSelector(IParties.Parties_KeyAlreadyUsed.selector, vm.addr(bankKey))
        );
    }

    function test_TransferAdministration_RevertWhen_TheNewKeyOnceWasAPartys() public {
        uint256 second = keyNamed("bank, second");
        executeJoint(withCosigners(keyAct(PartyAct.RotateKey, bank, vm.addr(second)), 1), bankKey, second);
        refusesHandover(
            bankKey, abi.encodeWithSelector(IParties.Parties_KeyAlreadyUsed.selector, vm.addr(bankKey))
        );
    }

    function test_TransferAdministration_RevertWhen_TheNewKeyIsTheAdministrators() public {
        refusesHandover(
            administratorKey,
            abi.encodeWithSelector(IParties.Parties_KeyIsAdministrator.selector, vm.addr(administratorKey))
        );
    }

    function test_TransferAdministration_RevertWhen_TheNewKeyOnceWasTheAdministrators() public {
        uint256 former = administratorKey;
        executeJoint(handover(heir), former, heir);
        administratorKey = heir;
        refusesHandover(
            former, abi.encodeWithSelector(IParties.Parties_KeyIsAdministrator.selector, vm.addr(former))
        );
    }

    function test_TransferAdministration_WhenBothKeysHaveSigned() public {
        uint32 sequence = parties.administratorSequence();
        vm.warp(START + 60);
        Intent memory intent = signed(parties, handover(heir), administratorKey);
        Cosignature[] memory one = many(cosigned(parties, intent, heir));
        vm.expectEmit(true, true, true, true, address(parties));
        emit IParties.AdministrationTransferred(vm.addr(administratorKey), vm.addr(heir));
        parties.executeJoint(intent, one);
        vm.assertEq(parties.administrator(), vm.addr(heir), "administrator");
        vm.assertEq(parties.administratorSequence(), sequence + 1, "sequence");
        IParties.Key memory former = parties.keyOf(vm.addr(administratorKey));
        vm.assertEq(former.party, 0, "party");
        vm.assertEq(former.since, START, "since");
        vm.assertEq(former.until, START + 60, "until");
        vm.assertEq(parties.keyOf(vm.addr(heir)).since, START + 60, "heir since");
        vm.assertEq(parties.keyOf(vm.addr(heir)).until, 0, "heir until");
    }

    function test_TransferAdministration_GivenAdministrationHasPassedOn() public {
        uint256 former = administratorKey;
        executeJoint(handover(heir), former, heir);
        administratorKey = heir;
        Intent memory intent = draft(PartyAct.Suspend, bank, parties.administratorSequence(), 0, REASON);
        refuses(
            parties,
            signed(parties, intent, former),
            abi.encodeWithSelector(IParties.Parties_NotAdministrator.selector, vm.addr(former))
        );
        suspend(bank);
    }

    function handover(uint256 to) private view returns (Intent memory intent) {
        intent = draft(
            PartyAct.TransferAdministration, 0, parties.administratorSequence(), uint160(vm.addr(to)), 0
        );
        intent = withCosigners(intent, 1);
    }

    function refusesHandover(uint256 to, bytes memory reason) private {
        Intent memory intent = signed(parties, handover(to), administratorKey);
        refusesJoint(parties, intent, many(cosigned(parties, intent, to)), reason);
    }
}
