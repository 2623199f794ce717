// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParties, PartyAct} from "../../../../contracts/parties/IParties.sol";
import {Cosignature, IIntents, Intent} from "../../../../contracts/shared/IIntents.sol";
import {House} from "../../support/House.sol";

contract KeysTest is House {
    uint256 private second = keyNamed("bank, second");

    function test_AddKey_RevertWhen_ThePartyIsUnknown() public {
        uint32[2] memory unknown = [uint32(0), 99];
        for (uint256 i = 0; i < unknown.length; ++i) {
            refusesNewKey(
                adding(unknown[i], second),
                bankKey,
                second,
                abi.encodeWithSelector(IParties.Parties_UnknownParty.selector, unknown[i])
            );
        }
    }

    function test_AddKey_RevertWhen_TheSignerIsTheAdministrator() public {
        bytes memory reason =
            abi.encodeWithSelector(IParties.Parties_UnknownKey.selector, vm.addr(administratorKey));
        refusesNewKey(adding(bank, second), administratorKey, second, reason);
        refusesNewKey(rotating(bank, second), administratorKey, second, reason);
        Intent memory revoking = keyAct(PartyAct.RevokeKey, bank, vm.addr(bankKey));
        refuses(parties, signed(parties, revoking, administratorKey), reason);
    }

    function test_AddKey_RevertWhen_TheSignerSpeaksForAnotherParty() public {
        bytes memory reason =
            abi.encodeWithSelector(IParties.Parties_KeyOfAnother.selector, vm.addr(importerKey), importer);
        refusesNewKey(adding(bank, second), importerKey, second, reason);
        refusesNewKey(rotating(bank, second), importerKey, second, reason);
        Intent memory revoking = keyAct(PartyAct.RevokeKey, bank, vm.addr(bankKey));
        refuses(parties, signed(parties, revoking, importerKey), reason);
    }

    function test_AddKey_RevertWhen_TheSequenceIsStale() public {
        Intent memory intent = adding(bank, keyNamed("third"));
        executeJoint(adding(bank, second), bankKey, second);
        refusesNewKey(
            intent,
            bankKey,
            keyNamed("third"),
            abi.encodeWithSelector(IParties.Parties_StaleSequence.selector, uint32(1), uint32(0))
        );
    }

    function test_AddKey_RevertWhen_TheNewKeyHasNotSigned() public {
        Intent memory intent = signed(parties, withCosigners(adding(bank, second), 0), bankKey);
        refuses(
            parties,
            intent,
            abi.encodeWithSelector(IIntents.Intents_CosignersMismatch.selector, uint256(1), uint256(0))
        );
    }

    function test_AddKey_RevertWhen_AnotherKeySignsInPlaceOfTheNamedOne() public {
        uint256 thief = keyNamed("thief");
        bytes memory reason =
            abi.encodeWithSelector(IParties.Parties_NotPossessed.selector, vm.addr(second), vm.addr(thief));
        refusesNewKey(adding(bank, second), bankKey, thief, reason);
        refusesNewKey(rotating(bank, second), bankKey, thief, reason);
    }

    function test_AddKey_RevertWhen_TheKeyIsTheAdministrators() public {
        bytes memory reason =
            abi.encodeWithSelector(IParties.Parties_KeyIsAdministrator.selector, vm.addr(administratorKey));
        refusesNewKey(adding(bank, administratorKey), bankKey, administratorKey, reason);
        refusesNewKey(rotating(bank, administratorKey), bankKey, administratorKey, reason);
    }

    function test_AddKey_RevertWhen_TheKeyIsUsedAlready() public {
        uint256[2] memory used = [importerKey, bankKey];
        for (uint256 i = 0; i < used.length; ++i) {
            refusesNewKey(
                adding(bank, used[i]),
                bankKey,
                used[i],
                abi.encodeWithSelector(IParties.Parties_KeyAlreadyUsed.selector, vm.addr(used[i]))
            );
        }
    }

    function test_AddKey_RevertWhen_TheKeyWasRevoked() public {
        executeJoint(rotating(bank, second), bankKey, second);
        refusesNewKey(
            adding(bank, bankKey),
            second,
            bankKey,
            abi.encodeWithSelector(IParties.Parties_KeyAlreadyUsed.selector, vm.addr(bankKey))
        );
    }

    function test_AddKey_WhenBothKeysHaveSigned() public {
        Intent memory intent = withFlag(adding(bank, second));
        vm.warp(START + 5);
        Intent memory whole = signed(parties, intent, bankKey);
        Cosignature[] memory one = many(cosigned(parties, intent, second));
        vm.expectEmit(true, true, true, true, address(parties));
        emit IParties.KeyAdded(bank, vm.addr(second), true);
        parties.executeJoint(whole, one);
        vm.assertEq(parties.speaksFor(vm.addr(second)), bank, "new key");
        vm.assertEq(parties.speaksFor(vm.addr(bankKey)), bank, "old key");
        vm.assertEq(parties.party(bank).liveKeys, 2, "live keys");
        vm.assertEq(parties.party(bank).sequence, 1, "sequence");
        vm.assertEq(parties.keyOf(vm.addr(second)).since, START + 5, "since");
        vm.assertTrue(parties.keyOf(vm.addr(second)).custodial, "custodial");
        vm.assertFalse(parties.keyOf(vm.addr(bankKey)).custodial, "the first key stays as it was");
    }

    function test_AddKey_GivenThePartyIsSuspended() public {
        suspend(bank);
        executeJoint(adding(bank, second), bankKey, second);
        vm.assertEq(parties.speaksFor(vm.addr(second)), bank, "new key");
    }

    function test_RevokeKey_RevertWhen_TheKeyIsUnknown() public {
        executeJoint(adding(bank, second), bankKey, second);
        address[3] memory unknown = [vm.addr(keyNamed("nobody")), vm.addr(administratorKey), address(0)];
        for (uint256 i = 0; i < unknown.length; ++i) {
            refusesRevoking(
                bankKey, unknown[i], abi.encodeWithSelector(IParties.Parties_UnknownKey.selector, unknown[i])
            );
        }
    }

    function test_RevokeKey_RevertWhen_TheKeyIsRevokedAlready() public {
        executeJoint(adding(bank, second), bankKey, second);
        revoke(bankKey, second);
        vm.warp(START + 9);
        refusesRevoking(
            bankKey,
            vm.addr(second),
            abi.encodeWithSelector(IParties.Parties_KeyRevokedSince.selector, vm.addr(second), START)
        );
    }

    function test_RevokeKey_RevertWhen_TheKeyIsAnotherPartys() public {
        refusesRevoking(
            bankKey,
            vm.addr(importerKey),
            abi.encodeWithSelector(IParties.Parties_KeyOfAnother.selector, vm.addr(importerKey), importer)
        );
    }

    function test_RevokeKey_RevertWhen_ItIsTheLastLiveKey() public {
        refusesRevoking(
            bankKey, vm.addr(bankKey), abi.encodeWithSelector(IParties.Parties_LastKey.selector, bank)
        );
        executeJoint(adding(bank, second), bankKey, second);
        revoke(second, bankKey);
        refusesRevoking(
            second, vm.addr(second), abi.encodeWithSelector(IParties.Parties_LastKey.selector, bank)
        );
    }

    function test_RevokeKey_WhenAnotherLiveKeySigns() public {
        executeJoint(adding(bank, second), bankKey, second);
        vm.warp(START + 9);
        Intent memory intent = signed(parties, keyAct(PartyAct.RevokeKey, bank, vm.addr(bankKey)), second);
        vm.expectEmit(true, true, true, true, address(parties));
        emit IParties.KeyRevoked(bank, vm.addr(bankKey));
        parties.execute(intent);
        vm.expectRevert(
            abi.encodeWithSelector(IParties.Parties_KeyRevokedSince.selector, vm.addr(bankKey), START + 9)
        );
        parties.speaksFor(vm.addr(bankKey));
        IParties.Key memory key = parties.keyOf(vm.addr(bankKey));
        vm.assertEq(key.party, bank, "party");
        vm.assertEq(key.since, START, "since");
        vm.assertEq(key.until, START + 9, "until");
        vm.assertEq(parties.party(bank).liveKeys, 1, "live keys");
        vm.assertEq(parties.party(bank).sequence, 2, "sequence");
    }

    function test_RotateKey_RevertWhen_TheNewKeyHasNotSigned() public {
        Intent memory intent = signed(parties, withCosigners(rotating(bank, second), 0), bankKey);
        refuses(
            parties,
            intent,
            abi.encodeWithSelector(IIntents.Intents_CosignersMismatch.selector, uint256(1), uint256(0))
        );
    }

    function test_RotateKey_RevertWhen_TheKeyRotatesToItself() public {
        refusesNewKey(
            rotating(bank, bankKey),
            bankKey,
            bankKey,
            abi.encodeWithSelector(IParties.Parties_KeyAlreadyUsed.selector, vm.addr(bankKey))
        );
    }

    function test_RotateKey_RevertWhen_TheOldKeyWasRevoked() public {
        executeJoint(rotating(bank, second), bankKey, second);
        refusesNewKey(
            rotating(bank, keyNamed("third")),
            bankKey,
            keyNamed("third"),
            abi.encodeWithSelector(IParties.Parties_KeyRevokedSince.selector, vm.addr(bankKey), START)
        );
    }

    function test_RotateKey_WhenBothKeysHaveSigned() public {
        vm.warp(START + 9);
        Intent memory intent = withFlag(rotating(bank, second));
        Intent memory whole = signed(parties, intent, bankKey);
        Cosignature[] memory one = many(cosigned(parties, intent, second));
        vm.expectEmit(true, true, true, true, address(parties));
        emit IParties.KeyRevoked(bank, vm.addr(bankKey));
        vm.expectEmit(true, true, true, true, address(parties));
        emit IParties.KeyAdded(bank, vm.addr(second), true);
        parties.executeJoint(whole, one);
        vm.assertEq(parties.speaksFor(vm.addr(second)), bank, "new key");
        vm.assertTrue(parties.keyOf(vm.addr(second)).custodial, "custodial");
        vm.assertEq(parties.keyOf(vm.addr(bankKey)).until, START + 9, "old key's end");
        vm.assertEq(parties.party(bank).liveKeys, 1, "live keys");
        vm.assertEq(parties.party(bank).sequence, 1, "sequence");
    }

    function test_SpeaksFor_RevertWhen_TheKeyNeverSpokeForAnyone() public {
        address nobody = vm.addr(keyNamed("nobody"));
        vm.expectRevert(abi.encodeWithSelector(IParties.Parties_UnknownKey.selector, nobody));
        parties.speaksFor(nobody);
    }

    function adding(uint32 party, uint256 key) private view returns (Intent memory) {
        return withCosigners(keyAct(PartyAct.AddKey, party, vm.addr(key)), 1);
    }

    function rotating(uint32 party, uint256 key) private view returns (Intent memory) {
        return withCosigners(keyAct(PartyAct.RotateKey, party, vm.addr(key)), 1);
    }

    function revoke(uint256 signer, uint256 key) private {
        parties.execute(signed(parties, keyAct(PartyAct.RevokeKey, bank, vm.addr(key)), signer));
    }

    function refusesRevoking(uint256 signer, address key, bytes memory reason) private {
        refuses(parties, signed(parties, keyAct(PartyAct.RevokeKey, bank, key), signer), reason);
    }

    function refusesNewKey(Intent memory intent, uint256 signer, uint256 cosigner, bytes memory reason)
        private
    {
        intent = signed(parties, intent, signer);
        refusesJoint(parties, intent, many(cosigned(parties, intent, cosigner)), reason);
    }
}
