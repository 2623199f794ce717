// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BillAct} from "../../../contracts/bills/IRailBills.sol";
import {PartyAct} from "../../../contracts/parties/IParties.sol";
import {IIntents, Intent} from "../../../contracts/shared/IIntents.sol";
import {Acts} from "../support/Acts.sol";

/// @title The contracts against tests/vectors/intents.json
/// @notice The file is made by a general EIP-712 encoder that knows nothing of this project, and is read by
/// the Python tests too: so all three mean the same by each act.
contract VectorsTest is Acts {
    string private json;

    function setUp() public {
        json = vm.readFile("tests/vectors/intents.json");
        // The separator is rebuilt where the code runs elsewhere than it was deployed: so it can be moved to
        // the addresses of the vectors.
        address parties = vm.deployCode("Parties.sol:Parties", abi.encode(address(this)));
        address bills = vm.deployCode("RailBills.sol:RailBills", abi.encode(parties));
        vm.etch(contractOf("Parties"), parties.code);
        vm.etch(contractOf("RailBills"), bills.code);
        vm.chainId(vm.parseJsonUint(json, ".domains.Parties.chainId"));
    }

    function test_EveryActHasTheDigestOfItsVector() public view {
        uint256 count = vm.parseJsonUint(json, ".count");
        for (uint256 i = 0; i < count; ++i) {
            string memory at = place(i);
            bytes32 digest = target(at).intentDigest(intentAt(at));
            vm.assertEq(digest, vm.parseJsonBytes32(json, string.concat(at, ".digest")), text(at, ".act"));
        }
    }

    function test_EverySignatureIsItsSigners() public view {
        uint256 count = vm.parseJsonUint(json, ".count");
        for (uint256 i = 0; i < count; ++i) {
            string memory at = place(i);
            Intent memory intent = intentAt(at);
            vm.assertEq(signerHere(target(at), intent), addressOf(text(at, ".signer")), text(at, ".act"));
            uint256 cosigners = (intent.head >> 8) & 0x7f;
            for (uint256 j = 0; j < cosigners; ++j) {
                string memory more = string.concat(at, ".cosignatures[", vm.toString(j), "]");
                intent.r = vm.parseJsonBytes32(json, string.concat(more, ".r"));
                intent.vs = vm.parseJsonBytes32(json, string.concat(more, ".vs"));
                vm.assertEq(
                    signerHere(target(at), intent), addressOf(text(more, ".signer")), text(at, ".act")
                );
            }
        }
    }

    function test_EveryKindHasAVector() public view {
        uint256 count = vm.parseJsonUint(json, ".count");
        bool[256] memory ofBills;
        bool[256] memory ofParties;
        for (uint256 i = 0; i < count; ++i) {
            uint8 kind = uint8(intentAt(place(i)).head);
            bool isBill = address(target(place(i))) == contractOf("RailBills");
            (isBill ? ofBills : ofParties)[kind] = true;
        }
        for (uint8 kind = 1; kind <= uint8(type(BillAct).max); ++kind) {
            vm.assertTrue(ofBills[kind], "an act on bills has no vector");
        }
        for (uint8 kind = 1; kind <= uint8(type(PartyAct).max); ++kind) {
            vm.assertTrue(ofParties[kind], "an act on parties has no vector");
        }
    }

    function intentAt(string memory at) private view returns (Intent memory intent) {
        intent.subject = vm.parseJsonBytes32(json, string.concat(at, ".wire.subject"));
        intent.head = uint256(vm.parseJsonBytes32(json, string.concat(at, ".wire.head")));
        intent.detail = vm.parseJsonBytes32(json, string.concat(at, ".wire.detail"));
        intent.r = vm.parseJsonBytes32(json, string.concat(at, ".wire.r"));
        intent.vs = vm.parseJsonBytes32(json, string.concat(at, ".wire.vs"));
    }

    function target(string memory at) private view returns (IIntents) {
        return IIntents(contractOf(text(at, ".contract")));
    }

    function contractOf(string memory name) private view returns (address) {
        return vm.parseJsonAddress(json, string.concat(".domains.", name, ".verifyingContract"));
    }

    function addressOf(string memory name) private view returns (address) {
        return vm.parseJsonAddress(json, string.concat(".keys.", name, ".address"));
    }

    function text(string memory at, string memory field) private view returns (string memory) {
        return vm.parseJsonString(json, string.concat(at, field));
    }

    function place(uint256 i) private pure returns (string memory) {
        return string.concat(".intents[", vm.toString(i), "]");
    }
}
