// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Head} from "../../../contracts/shared/Heads.sol";
import {Intent} from "../../../contracts/shared/IIntents.sol";
import {Intents} from "../../../contracts/shared/Intents.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title Acts that no real contract has, to see how a batch bears them
contract Probe is Intents {
    enum ProbeAct {
        None,
        Note, // emits what it saw
        Burn, // uses all gas it has
        Refuse // reverts with as many bytes as its argument says
    }

    event Noted(bytes32 indexed subject, uint256 gas, address signer, address[] cosigners);

    bytes32 private constant PROBE =
        keccak256("Probe(bytes32 subject,uint8 kind,uint32 sequence,uint48 deadline,uint160 argument)");

    constructor() EIP712("Landbridge Probe", "1") {}

    function _act(Intent calldata intent, Head head, address signer, address[] memory cosigners)
        internal
        override
    {
        ProbeAct act = ProbeAct(head.kind());
        if (act == ProbeAct.Note) {
            emit Noted(intent.subject, gasleft(), signer, cosigners);
        } else if (act == ProbeAct.Burn) {
            while (true) {}
        } else {
            bytes memory reason = new bytes(head.argument());
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason))
            }
        }
    }

    function _structHash(Intent calldata intent, Head head) internal pure override returns (bytes32) {
        uint8 kind = head.kind();
        if (kind == 0 || kind > uint8(type(ProbeAct).max)) revert Intents_UnknownKind(kind);
        return
            keccak256(
                abi.encode(PROBE, intent.subject, kind, head.sequence(), head.deadline(), head.argument())
            );
    }
}
