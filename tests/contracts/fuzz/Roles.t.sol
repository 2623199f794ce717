// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParties, PartyAct, Role} from "../../../contracts/parties/IParties.sol";
import {Intent} from "../../../contracts/shared/IIntents.sol";
import {House} from "../support/House.sol";

/// @title Roles in time, against a list of seconds
contract RolesFuzz is House {
    uint256 private constant SECONDS = 64;

    /// @dev Whether the role holds in each second from the start on.
    bool[SECONDS] private holds;

    function testFuzz_ARoleHoldsWhenTheListSaysSo(uint256 seed) public {
        uint48 time = START;
        for (uint256 i = 0; i < 12; ++i) {
            uint256 dice = uint256(keccak256(abi.encode(seed, i)));
            time += uint48(dice % 4);
            vm.warp(time);
            uint48 from = START + uint48((dice >> 8) % SECONDS);
            uint48 until = from + 1 + uint48((dice >> 16) % 16);
            bool[SECONDS] memory before = holds;
            if ((dice >> 24) % 3 == 0) endAt(from, time);
            else grantFor(from, until, time);
            for (uint48 at = 0; at < SECONDS; ++at) {
                bool said = parties.hadRoleAt(importer, Role.Importer, START + at);
                vm.assertTrue(said == holds[at], "the role and the list differ");
                if (START + at < time) vm.assertTrue(holds[at] == before[at], "the past changed");
            }
            vm.assertTrue(
                parties.mayIssueAs(importer, Role.Importer) == holds[time - START], "now and the list differ"
            );
            assertSpans();
        }
    }

    function grantFor(uint48 from, uint48 until, uint48 time) private {
        bool refused = from < time;
        for (uint48 at = from; at < START + SECONDS; ++at) {
            refused = refused || holds[at - START];
        }
        execute(PartyAct.GrantRole, roleArgument(Role.Importer, from, until), refused);
        if (refused) return;
        for (uint48 at = from; at < until && at < START + SECONDS; ++at) {
            holds[at - START] = true;
        }
    }

    function endAt(uint48 end, uint48 time) private {
        bool standing = false;
        for (uint48 at = end; at < START + SECONDS; ++at) {
            standing = standing || holds[at - START];
        }
        bool refused = end <= time || !standing;
        execute(PartyAct.EndRole, roleArgument(Role.Importer, end, 0), refused);
        if (refused) return;
        for (uint48 at = end; at < START + SECONDS; ++at) {
            holds[at - START] = false;
        }
    }

    function execute(PartyAct act, uint160 argument, bool refused) private {
        Intent memory intent = byAdministrator(act, importer, argument, 0);
        try parties.execute(intent) {
            vm.assertFalse(refused, "executed, against the list");
        } catch {
            vm.assertTrue(refused, "refused, against the list");
        }
    }

    function assertSpans() private view {
        IParties.Tenure[] memory spans = parties.tenures(importer, Role.Importer);
        uint48 last = 0;
        for (uint256 i = 0; i < spans.length; ++i) {
            vm.assertLe(last, spans[i].from, "spans overlap");
            vm.assertLt(spans[i].from, spans[i].until, "an empty span");
            last = spans[i].until;
        }
    }
}
