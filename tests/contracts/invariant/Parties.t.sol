// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParties, PartyAct, Role} from "../../../contracts/parties/IParties.sol";
import {Acts} from "../support/Acts.sol";
import {PartyHandler} from "./PartyHandler.sol";

contract PartiesInvariants is Acts {
    IParties private parties;
    PartyHandler private handler;

    function setUp() public {
        vm.warp(1_790_000_000);
        address administrator = vm.addr(keyNamed("party key 0"));
        parties = IParties(vm.deployCode("Parties.sol:Parties", abi.encode(administrator)));
        handler = new PartyHandler(parties);
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev A key speaks for one party, or is the administrator's, for good; every party keeps a live one.
    function invariant_Keys() public view {
        theSequencesCountTheActs();
        uint16[64] memory live;
        for (uint256 i = 0; i < handler.KEYS(); ++i) {
            IParties.Key memory key = parties.keyOf(handler.addressAt(i));
            if (key.since == 0) {
                vm.assertEq(key.party + key.until, 0, "a key out of nothing");
                continue;
            }
            vm.assertLe(key.party, parties.partyCount(), "a key of no party");
            if (key.until == 0) live[key.party] += 1;
        }
        vm.assertEq(live[0], 1, "one administrator");
        vm.assertEq(parties.keyOf(parties.administrator()).party, 0, "the administrator is no party");
        for (uint32 number = 1; number <= parties.partyCount(); ++number) {
            vm.assertEq(parties.party(number).liveKeys, live[number], "live keys");
            vm.assertTrue(live[number] != 0, "a party without a key");
            vm.assertEq(parties.partyOfProfile(parties.party(number).profile), number, "profile");
        }
    }

    function invariant_Roles() public view {
        PartyHandler.Sample[] memory samples = handler.samples();
        for (uint256 i = 0; i < samples.length; ++i) {
            bool held = parties.hadRoleAt(samples[i].party, samples[i].role, samples[i].time);
            vm.assertTrue(held == samples[i].held, "the past changed");
        }
        for (uint32 number = 1; number <= parties.partyCount(); ++number) {
            IParties.Tenure[] memory court = parties.tenures(number, Role.Court);
            uint48 notice = parties.COURT_NOTICE();
            uint48 last = parties.party(number).admitted;
            for (uint256 i = 0; i < court.length; ++i) {
                vm.assertLe(parties.party(number).admitted + notice, court[i].from, "a court without notice");
                vm.assertLe(last, court[i].from, "spans overlap");
                vm.assertTrue(court[i].until == 0 || court[i].until > court[i].from, "an empty span");
                last = court[i].until == 0 ? type(uint48).max : court[i].until;
            }
        }
    }

    function theSequencesCountTheActs() private view {
        vm.assertEq(parties.administratorSequence(), handler.acts(0), "the administrator's");
        for (uint32 number = 1; number <= parties.partyCount(); ++number) {
            vm.assertEq(parties.party(number).sequence, handler.acts(number), "a party's");
        }
    }

    /// @dev The invariants say little if the handler never comes far: so it must be able to, with every act.
    function test_TheHandlerReachesEveryAct() public {
        uint256[10] memory done;
        uint256[10] memory refused;
        for (uint256 round = 0; round < 6; ++round) {
            setUp();
            for (uint256 i = 0; i < 120; ++i) {
                call(uint256(keccak256(abi.encode(round, i))));
            }
            for (uint8 act = 1; act <= uint8(type(PartyAct).max); ++act) {
                done[act] += handler.done(PartyAct(act));
                refused[act] += handler.refused(PartyAct(act));
            }
            invariant_Keys();
            invariant_Roles();
        }
        for (uint8 act = 1; act <= uint8(type(PartyAct).max); ++act) {
            vm.assertTrue(done[act] != 0, string.concat("never executed: ", vm.toString(act)));
            vm.assertTrue(refused[act] != 0, string.concat("never refused: ", vm.toString(act)));
        }
    }

    function call(uint256 a) private {
        uint256 b = uint256(keccak256(abi.encode(a)));
        uint256 c = uint256(keccak256(abi.encode(b)));
        uint256 choice = c >> 250;
        if (choice < 14) handler.admit(a, b, c, a >> 128);
        else if (choice < 34) handler.keyAct(a, b, c, a >> 128, b >> 128);
        else if (choice < 48) handler.roleAct(a, b, c, a >> 128, b >> 128);
        else if (choice < 54) handler.suspension(a, b);
        else if (choice < 56) handler.transferAdministration(a, b, c);
        else handler.passTime(a, b, c, a >> 128);
    }
}
