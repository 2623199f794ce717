// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParties, PartyAct, Role} from "../../../../contracts/parties/IParties.sol";
import {Cosignature, IIntents, Intent} from "../../../../contracts/shared/IIntents.sol";
import {House} from "../../support/House.sol";

contract AdmitTest is House {
    uint256 private newKey = keyNamed("newcomer");

    function test_Constructor_RevertWhen_TheAdministratorIsNobody() public {
        bytes memory code = bytes.concat(vm.getCode("Parties.sol:Parties"), abi.encode(address(0)));
        address made;
        bytes memory reason = new bytes(36);
        assembly ("memory-safe") {
            made := create(0, add(code, 0x20), mload(code))
            returndatacopy(add(reason, 0x20), 0, 36)
        }
        vm.assertEq(made, address(0), "contract");
        vm.assertEq(
            reason, abi.encodeWithSelector(IParties.Parties_UnknownKey.selector, address(0)), "reason"
        );
    }

    function test_Constructor_WhenAnAdministratorIsNamed() public {
        address first = vm.addr(newKey);
        IParties other = IParties(vm.deployCode("Parties.sol:Parties", abi.encode(first)));
        vm.assertEq(other.administrator(), first, "administrator");
        vm.assertEq(other.administratorSequence(), 0, "sequence");
        vm.assertEq(other.partyCount(), 0, "parties");
        vm.assertEq(other.COURT_NOTICE(), 7 days, "notice");
        IParties.Key memory key = other.keyOf(first);
        vm.assertEq(key.party, 0, "party");
        vm.assertEq(key.since, START, "since");
        vm.expectRevert(abi.encodeWithSelector(IParties.Parties_UnknownKey.selector, first));
        other.speaksFor(first);
    }

    function test_Admit_RevertWhen_TheSignerIsNotTheAdministrator() public {
        Intent memory intent = signed(parties, admission(newKey), carrierKey);
        refusesJoint(
            parties,
            intent,
            many(cosigned(parties, intent, newKey)),
            abi.encodeWithSelector(IParties.Parties_NotAdministrator.selector, vm.addr(carrierKey))
        );
    }

    function test_Admit_RevertWhen_TheSequenceIsStale() public {
        Intent memory intent = signed(parties, admission(newKey), administratorKey);
        uint32 sequence = parties.administratorSequence();
        suspend(bank);
        refusesJoint(
            parties,
            intent,
            many(cosigned(parties, intent, newKey)),
            abi.encodeWithSelector(IParties.Parties_StaleSequence.selector, sequence + 1, sequence)
        );
    }

    function test_Admit_RevertWhen_ThePartyHasNotSigned() public {
        Intent memory intent = withCosigners(admission(newKey), 0);
        refuses(
            parties,
            signed(parties, intent, administratorKey),
            abi.encodeWithSelector(IIntents.Intents_CosignersMismatch.selector, uint256(1), uint256(0))
        );
    }

    /// @dev The danger is a carrier of the message who swaps the cosignature for his own.
    function test_Admit_RevertWhen_AnotherKeySignsInPlaceOfTheNamedOne() public {
        Intent memory intent = signed(parties, admission(newKey), administratorKey);
        uint256 thief = keyNamed("thief");
        refusesJoint(
            parties,
            intent,
            many(cosigned(parties, intent, thief)),
            abi.encodeWithSelector(IParties.Parties_NotPossessed.selector, vm.addr(newKey), vm.addr(thief))
        );
    }

    function test_Admit_RevertWhen_TheProfileIsZero() public {
        Intent memory intent = admission(newKey);
        intent.subject = 0;
        refusesAdmission(intent, newKey, abi.encodeWithSelector(IParties.Parties_ZeroDigest.selector));
    }

    function test_Admit_RevertWhen_TheRulebookIsZero() public {
        Intent memory intent = admission(newKey);
        intent.detail = 0;
        refusesAdmission(intent, newKey, abi.encodeWithSelector(IParties.Parties_ZeroDigest.selector));
    }

    function test_Admit_RevertWhen_TheProfileWasAdmittedBefore() public {
        Intent memory intent = admission(newKey);
        intent.subject = parties.party(bank).profile;
        refusesAdmission(
            intent, newKey, abi.encodeWithSelector(IParties.Parties_ProfileTaken.selector, intent.subject)
        );
    }

    function test_Admit_RevertWhen_TheKeyIsTheAdministrators() public {
        refusesAdmission(
            admission(administratorKey),
            administratorKey,
            abi.encodeWithSelector(IParties.Parties_KeyIsAdministrator.selector, vm.addr(administratorKey))
        );
    }

    function test_Admit_RevertWhen_TheKeyWasTheAdministrators() public {
        uint256 former = administratorKey;
        Intent memory handover = draft(
            PartyAct.TransferAdministration, 0, parties.administratorSequence(), uint160(vm.addr(newKey)), 0
        );
        executeJoint(withCosigners(handover, 1), former, newKey);
        administratorKey = newKey;
        refusesAdmission(
            admission(former),
            former,
            abi.encodeWithSelector(IParties.Parties_KeyIsAdministrator.selector, vm.addr(former))
        );
    }

    function test_Admit_RevertWhen_TheKeySpeaksForAnotherParty() public {
        Intent memory intent = admission(bankKey);
        intent.subject = keccak256("another profile");
        refusesAdmission(
            intent,
            bankKey,
            abi.encodeWithSelector(IParties.Parties_KeyAlreadyUsed.selector, vm.addr(bankKey))
        );
    }

    function test_Admit_RevertWhen_TheKeyOnceSpokeForAnotherParty() public {
        executeJoint(withCosigners(keyAct(PartyAct.RotateKey, bank, vm.addr(newKey)), 1), bankKey, newKey);
        Intent memory intent = admission(bankKey);
        intent.subject = keccak256("another profile");
        refusesAdmission(
            intent,
            bankKey,
            abi.encodeWithSelector(IParties.Parties_KeyAlreadyUsed.selector, vm.addr(bankKey))
        );
    }

    function test_Admit_WhenAdministratorAndPartyHaveSigned() public {
        Intent memory intent = signed(parties, admission(newKey), administratorKey);
        Cosignature[] memory one = many(cosigned(parties, intent, newKey));
        uint32 number = parties.partyCount() + 1;
        uint32 sequence = parties.administratorSequence();
        vm.expectEmit(true, true, true, true, address(parties));
        emit IParties.Admitted(number, intent.subject, RULEBOOK);
        vm.expectEmit(true, true, true, true, address(parties));
        emit IParties.KeyAdded(number, vm.addr(newKey), false);
        parties.executeJoint(intent, one);

        IParties.Party memory party = parties.party(number);
        vm.assertEq(party.admitted, START, "admitted");
        vm.assertEq(party.sequence, 0, "sequence");
        vm.assertEq(party.liveKeys, 1, "live keys");
        vm.assertFalse(party.suspended, "suspended");
        vm.assertEq(party.profile, intent.subject, "profile");
        vm.assertEq(party.rulebook, RULEBOOK, "rulebook");
        vm.assertEq(parties.partyOfProfile(intent.subject), number, "party of profile");
        vm.assertEq(parties.speaksFor(vm.addr(newKey)), number, "speaks for");
        vm.assertEq(parties.partyCount(), number, "count");
        vm.assertEq(parties.administratorSequence(), sequence + 1, "administrator's sequence");
        vm.assertEq(parties.tenures(number, Role.Carrier).length, 0, "no role comes with admission");
    }

    function test_Admit_WhenTheKeyIsCustodial() public {
        executeJoint(withFlag(admission(newKey)), administratorKey, newKey);
        IParties.Key memory key = parties.keyOf(vm.addr(newKey));
        vm.assertTrue(key.custodial, "custodial");
        vm.assertEq(key.party, parties.partyCount(), "party");
        vm.assertEq(key.since, START, "since");
        vm.assertEq(key.until, 0, "until");
    }

    function refusesAdmission(Intent memory intent, uint256 key, bytes memory reason) private {
        intent = signed(parties, intent, administratorKey);
        refusesJoint(parties, intent, many(cosigned(parties, intent, key)), reason);
    }
}
