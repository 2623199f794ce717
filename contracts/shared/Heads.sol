// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The packed head of an act (see `Intent`).
type Head is uint256;

using Heads for Head global;

/// @title Reading an act's head
/// @dev From the low end:
///
///     bit 0      8           15     16         48         96         256
///         | kind | cosigners | flag | sequence | deadline | argument |
///             8          7       1        32         48        160
library Heads {
    function kind(Head head) internal pure returns (uint8) {
        return uint8(Head.unwrap(head));
    }

    function cosigners(Head head) internal pure returns (uint256) {
        return (Head.unwrap(head) >> 8) & 0x7f;
    }

    function flag(Head head) internal pure returns (bool) {
        return Head.unwrap(head) & (1 << 15) != 0;
    }

    function sequence(Head head) internal pure returns (uint32) {
        return uint32(Head.unwrap(head) >> 16);
    }

    function deadline(Head head) internal pure returns (uint48) {
        return uint48(Head.unwrap(head) >> 48);
    }

    function argument(Head head) internal pure returns (uint160) {
        return uint160(Head.unwrap(head) >> 96);
    }
}
