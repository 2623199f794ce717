// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The head of an append-only log
/// @notice One log, one writer, one head: how many leaves there are and the root of the tree over them
/// (RFC 9162). A head never shrinks and never says another thing of the same size.
/// @dev What is trusted: nothing but the chain. The writer can stop anchoring, or anchor the head of
/// another tree that is larger; both are seen by whoever compares two heads (RFC 9162 §2.1.4). It cannot
/// take a head back. Nobody can replace the writer: a log whose key is lost ends, and another begins.
interface IAnchorLog {
    /// @notice The log has this head from now on.
    event Anchored(uint64 size, bytes32 root);

    /// @notice The sender is not the log's writer.
    error AnchorLog_NotWriter(address sender);
    /// @notice A log cannot have no writer.
    error AnchorLog_NoWriter();
    /// @notice The head is smaller than the one that stands.
    error AnchorLog_HeadShrinks(uint64 size, uint64 given);
    /// @notice A head of this size stands, with another root.
    error AnchorLog_HeadDiffers(uint64 size, bytes32 root, bytes32 given);
    /// @notice A head has a leaf at least.
    error AnchorLog_NoLeaves();

    /// @notice Sets the head. The one that stands, again, changes nothing and says nothing.
    /// @param size How many leaves the tree has.
    /// @param root The tree's root.
    function anchor(uint64 size, bytes32 root) external;

    /// @notice The head; all zero before the first.
    /// @return size How many leaves the tree has.
    /// @return root The tree's root.
    /// @return blockNumber The block in which it was anchored.
    /// @return time That block's time.
    function head() external view returns (uint64 size, bytes32 root, uint64 blockNumber, uint48 time);

    /// @notice Whose word a head is.
    function writer() external view returns (address);
}
