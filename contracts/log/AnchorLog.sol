// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAnchorLog} from "./IAnchorLog.sol";

/// @title The head of an append-only log
/// @dev Storage, two slots that are written together and so stay warm for whoever reads one after the other:
///
///     0: root
///     1: size 64 | block number 64 | time 48 | –     from the low end
contract AnchorLog is IAnchorLog {
    bytes32 private _root;
    uint64 private _size;
    uint64 private _block;
    uint48 private _time;

    address private immutable _writer;

    constructor(address writer_) {
        if (writer_ == address(0)) revert AnchorLog_NoWriter();
        _writer = writer_;
    }

    /// @inheritdoc IAnchorLog
    function anchor(uint64 size, bytes32 root) external {
        if (msg.sender != _writer) revert AnchorLog_NotWriter(msg.sender);
        uint64 current = _size;
        if (size <= current) {
            if (size == 0) revert AnchorLog_NoLeaves();
            if (size < current) revert AnchorLog_HeadShrinks(current, size);
            if (root != _root) revert AnchorLog_HeadDiffers(size, _root, root);
            return; // a revert would block a sender's later transactions on some chains
        }
        _root = root;
        _size = size;
        _block = uint64(block.number);
        _time = uint48(block.timestamp);
        emit Anchored(size, root);
    }

    /// @inheritdoc IAnchorLog
    function head() external view returns (uint64 size, bytes32 root, uint64 blockNumber, uint48 time) {
        return (_size, _root, _block, _time);
    }

    /// @inheritdoc IAnchorLog
    function writer() external view returns (address) {
        return _writer;
    }
}
