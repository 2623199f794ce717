// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParties, PartyAct, Role} from "../../../../contracts/parties/IParties.sol";
import {Intent} from "../../../../contracts/shared/IIntents.sol";
import {House} from "../../support/House.sol";

contract RolesTest is House {
    function test_GrantRole_RevertWhen_TheSignerIsNotTheAdministrator() public {
        Intent memory intent = draft(
            PartyAct.GrantRole, bank, parties.administratorSequence(), roleArgument(Role.Carrier, 0, 0), 0
        );
        refuses(
            parties,
            signed(parties, intent, bankKey),
            abi.encodeWithSelector(IParties.Parties_NotAdministrator.selector, vm.addr(bankKey))
        );
    }

    function test_GrantRole_RevertWhen_ThePartyIsUnknown() public {
        refusesAct(
            PartyAct.GrantRole,
            99,
            roleArgument(Role.Carrier, 0, 0),
            abi.encodeWithSelector(IParties.Parties_UnknownParty.selector, uint32(99))
        );
    }

    function test_GrantRole_RevertWhen_TheRoleIsUnknown() public {
        uint8[3] memory unknown = [0, uint8(type(Role).max) + 1, 255];
        for (uint256 i = 0; i < unknown.length; ++i) {
            refusesAct(
                PartyAct.GrantRole,
                bank,
                uint160(unknown[i]),
                abi.encodeWithSelector(IParties.Parties_UnknownRole.selector, unknown[i])
            );
        }
    }

    function test_GrantRole_RevertWhen_TheSpanBeginsInThePast() public {
        refusesGrant(
            Role.Exporter,
            START - 1,
            0,
            abi.encodeWithSelector(IParties.Parties_BadPeriod.selector, START - 1, uint48(0))
        );
    }

    function test_GrantRole_RevertWhen_TheSpanIsEmpty() public {
        refusesGrant(
            Role.Exporter,
            START + 5,
            START + 5,
            abi.encodeWithSelector(IParties.Parties_BadPeriod.selector, START + 5, START + 5)
        );
        refusesGrant(
            Role.Exporter, 0, START, abi.encodeWithSelector(IParties.Parties_BadPeriod.selector, START, START)
        );
    }

    function test_GrantRole_RevertGiven_TheRoleStandsWithoutAnEnd() public {
        refusesGrant(
            Role.Bank,
            START + 1000,
            0,
            abi.encodeWithSelector(IParties.Parties_RoleStanding.selector, bank, Role.Bank)
        );
    }

    function test_GrantRole_RevertGiven_TheRoleStandsAtTheNewBeginning() public {
        grant(bank, Role.Exporter, START + 10, START + 20);
        bytes memory reason =
            abi.encodeWithSelector(IParties.Parties_RoleStanding.selector, bank, Role.Exporter);
        refusesGrant(Role.Exporter, START + 19, 0, reason);
        refusesGrant(Role.Exporter, START + 5, START + 8, reason);
        grant(bank, Role.Exporter, START + 20, 0);
        vm.assertTrue(parties.hadRoleAt(bank, Role.Exporter, START + 20), "spans may touch");
    }

    function test_GrantRole_RevertWhen_ACourtsRoleBeginsBeforeItsNotice() public {
        bytes memory reason = abi.encodeWithSelector(IParties.Parties_CourtNotice.selector, START + 7 days);
        refusesGrant(Role.Court, 0, 0, reason);
        refusesGrant(Role.Court, START + 7 days - 1, 0, reason);
    }

    function test_GrantRole_WhenACourtsRoleBeginsAfterItsNotice() public {
        grant(bank, Role.Court, START + 7 days, 0);
        vm.assertFalse(parties.mayIssueAs(bank, Role.Court), "too early");
        vm.warp(START + 7 days - 1);
        vm.assertFalse(parties.mayIssueAs(bank, Role.Court), "a second too early");
        vm.warp(START + 7 days);
        vm.assertTrue(parties.mayIssueAs(bank, Role.Court), "in time");
    }

    function test_GrantRole_WhenTheBeginningIsLeftOpen() public {
        vm.warp(START + 30);
        Intent memory intent =
            byAdministrator(PartyAct.GrantRole, bank, roleArgument(Role.Exporter, 0, START + 40), 0);
        vm.expectEmit(true, true, true, true, address(parties));
        emit IParties.RoleGranted(bank, Role.Exporter, START + 30, START + 40);
        parties.execute(intent);
        assertSpans(Role.Exporter, 1);
        assertSpan(Role.Exporter, 0, START + 30, START + 40);
    }

    function test_GrantRole_WhenTheEndIsLeftOpen() public {
        grant(bank, Role.Exporter, START + 3, 0);
        vm.assertFalse(parties.hadRoleAt(bank, Role.Exporter, START + 2), "before");
        vm.assertTrue(parties.hadRoleAt(bank, Role.Exporter, START + 3), "at once");
        vm.assertTrue(parties.hadRoleAt(bank, Role.Exporter, type(uint48).max), "for ever");
    }

    function test_GrantRole_GivenAnEarlierSpanHasEnded() public {
        grant(bank, Role.Exporter, 0, START + 10);
        vm.warp(START + 20);
        grant(bank, Role.Exporter, 0, 0);
        assertSpans(Role.Exporter, 2);
        assertSpan(Role.Exporter, 0, START, START + 10);
        assertSpan(Role.Exporter, 1, START + 20, 0);
    }

    function test_EndRole_RevertWhen_TheSignerIsNotTheAdministrator() public {
        Intent memory intent = draft(
            PartyAct.EndRole, carrier, parties.administratorSequence(), roleArgument(Role.Carrier, 0, 0), 0
        );
        refuses(
            parties,
            signed(parties, intent, rivalKey),
            abi.encodeWithSelector(IParties.Parties_NotAdministrator.selector, vm.addr(rivalKey))
        );
    }

    function test_EndRole_RevertWhen_ThePartyIsUnknown() public {
        refusesAct(
            PartyAct.EndRole,
            0,
            roleArgument(Role.Carrier, 0, 0),
            abi.encodeWithSelector(IParties.Parties_UnknownParty.selector, uint32(0))
        );
    }

    function test_EndRole_RevertWhen_TheRoleIsUnknown() public {
        refusesAct(
            PartyAct.EndRole, bank, 0, abi.encodeWithSelector(IParties.Parties_UnknownRole.selector, uint8(0))
        );
    }

    function test_EndRole_RevertWhen_TheEndIsNotInTheFuture() public {
        refusesEnd(
            Role.Bank, START, abi.encodeWithSelector(IParties.Parties_BadPeriod.selector, START, START)
        );
    }

    function test_EndRole_RevertGiven_TheRoleWasNeverGranted() public {
        refusesEnd(
            Role.Court,
            START + 5,
            abi.encodeWithSelector(IParties.Parties_RoleNotStanding.selector, bank, Role.Court)
        );
    }

    function test_EndRole_RevertGiven_TheRoleEndsSoonerAnyway() public {
        grant(bank, Role.Exporter, 0, START + 10);
        bytes memory reason =
            abi.encodeWithSelector(IParties.Parties_RoleNotStanding.selector, bank, Role.Exporter);
        refusesEnd(Role.Exporter, START + 10, reason);
        vm.warp(START + 50);
        refusesEnd(Role.Exporter, 0, reason);
    }

    function test_EndRole_WhenTheEndIsLeftOpen() public {
        vm.warp(START + 100);
        end(Role.Bank, 0);
        vm.assertTrue(parties.hadRoleAt(bank, Role.Bank, START + 100), "this second");
        vm.assertFalse(parties.hadRoleAt(bank, Role.Bank, START + 101), "the next");
        assertSpan(Role.Bank, 0, START, START + 101);
    }

    function test_EndRole_WhenTheEndIsInTheFuture() public {
        Intent memory intent =
            byAdministrator(PartyAct.EndRole, bank, roleArgument(Role.Bank, START + 500, 0), 0);
        vm.expectEmit(true, true, true, true, address(parties));
        emit IParties.RoleEnded(bank, Role.Bank, START + 500);
        parties.execute(intent);
        vm.assertTrue(parties.hadRoleAt(bank, Role.Bank, START + 499), "before");
        vm.assertFalse(parties.hadRoleAt(bank, Role.Bank, START + 500), "after");
        end(Role.Bank, START + 400);
        assertSpan(Role.Bank, 0, START, START + 400);
    }

    function test_EndRole_GivenTheRoleHasNotBegun() public {
        grant(bank, Role.Court, START + 8 days, 0);
        end(Role.Court, 0);
        assertSpans(Role.Court, 0);
        vm.assertFalse(parties.hadRoleAt(bank, Role.Court, START + 9 days), "taken back");
        grant(bank, Role.Court, START + 7 days, 0);
        assertSpan(Role.Court, 0, START + 7 days, 0);
    }

    function test_EndRole_GivenOneSpanStandsAndOthersAreToCome() public {
        grant(bank, Role.Exporter, START + 1, START + 10);
        grant(bank, Role.Exporter, START + 20, START + 30);
        grant(bank, Role.Exporter, START + 40, 0);
        end(Role.Exporter, START + 5);
        assertSpans(Role.Exporter, 1);
        assertSpan(Role.Exporter, 0, START + 1, START + 5);
    }

    function test_EndRole_GivenEarlierSpansHaveEnded() public {
        grant(bank, Role.Exporter, 0, START + 10);
        grant(bank, Role.Exporter, START + 20, 0);
        vm.warp(START + 15);
        end(Role.Exporter, START + 18);
        assertSpans(Role.Exporter, 1);
        assertSpan(Role.Exporter, 0, START, START + 10);
    }

    function test_HadRoleAt_GivenTheRoleWasNeverGranted() public view {
        vm.assertFalse(parties.hadRoleAt(bank, Role.Court, START), "never granted");
        vm.assertFalse(parties.hadRoleAt(bank, Role.Court, 0), "at the beginning of time");
        vm.assertFalse(parties.hadRoleAt(99, Role.Carrier, START), "no such party");
    }

    function test_HadRoleAt_GivenSeveralSpans() public {
        grant(bank, Role.Exporter, START + 10, START + 20);
        grant(bank, Role.Exporter, START + 30, START + 40);
        grant(bank, Role.Exporter, START + 40, START + 50);
        for (uint48 at = START; at <= START + 60; ++at) {
            bool expected = (at >= START + 10 && at < START + 20) || (at >= START + 30 && at < START + 50);
            vm.assertTrue(parties.hadRoleAt(bank, Role.Exporter, at) == expected, "role");
        }
    }

    function test_MayIssueAs_GivenTheRoleStands() public view {
        vm.assertTrue(parties.mayIssueAs(carrier, Role.Carrier), "carrier");
    }

    function test_MayIssueAs_GivenTheRoleIsToCome() public {
        grant(bank, Role.Exporter, START + 10, START + 20);
        grant(bank, Role.Exporter, START + 30, 0);
        vm.assertFalse(parties.mayIssueAs(bank, Role.Exporter), "not yet");
        vm.warp(START + 15);
        vm.assertTrue(parties.mayIssueAs(bank, Role.Exporter), "though another span is to come");
    }

    function test_MayIssueAs_GivenTheRoleHasEnded() public {
        grant(bank, Role.Exporter, 0, START + 10);
        vm.warp(START + 10);
        vm.assertFalse(parties.mayIssueAs(bank, Role.Exporter), "ended");
    }

    function test_MayIssueAs_GivenAnotherRoleStands() public view {
        vm.assertFalse(parties.mayIssueAs(carrier, Role.Bank), "another role");
        vm.assertFalse(parties.mayIssueAs(importer, Role.Carrier), "no role");
    }

    function test_MayIssueAs_GivenThePartyIsSuspended() public {
        suspend(carrier);
        vm.assertFalse(parties.mayIssueAs(carrier, Role.Carrier), "suspended");
        vm.assertTrue(parties.hadRoleAt(carrier, Role.Carrier, START), "its role it keeps");
    }

    function end(Role role, uint48 at) private {
        parties.execute(byAdministrator(PartyAct.EndRole, bank, roleArgument(role, at, 0), 0));
    }

    function refusesGrant(Role role, uint48 from, uint48 until, bytes memory reason) private {
        refusesAct(PartyAct.GrantRole, bank, roleArgument(role, from, until), reason);
    }

    function refusesEnd(Role role, uint48 at, bytes memory reason) private {
        refusesAct(PartyAct.EndRole, bank, roleArgument(role, at, 0), reason);
    }

    function refusesAct(PartyAct act, uint32 party, uint160 argument, bytes memory reason) private {
        refuses(parties, byAdministrator(act, party, argument, 0), reason);
    }

    function assertSpans(Role role, uint256 count) private view {
        vm.assertEq(parties.tenures(bank, role).length, count, "spans");
    }

    function assertSpan(Role role, uint256 place, uint48 from, uint48 until) private view {
        IParties.Tenure memory span = parties.tenures(bank, role)[place];
        vm.assertEq(span.from, from, "from");
        vm.assertEq(span.until, until, "until");
    }
}
