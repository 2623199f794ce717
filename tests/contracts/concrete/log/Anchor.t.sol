// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAnchorLog} from "../../../../contracts/log/IAnchorLog.sol";
import {Test} from "../../support/Test.sol";

contract AnchorTest is Test {
    bytes32 private constant ROOT = keccak256("root");
    bytes32 private constant OTHER = keccak256("other root");
    address private constant WRITER = address(0xB0);
    uint256 private constant NOW = 1_790_000_000;

    IAnchorLog private log;

    function setUp() public {
        vm.warp(NOW);
        log = IAnchorLog(vm.deployCode("AnchorLog.sol:AnchorLog", abi.encode(WRITER)));
    }

    function test_Anchor_RevertWhen_TheSenderIsNotTheWriter() public {
        vm.expectRevert(abi.encodeWithSelector(IAnchorLog.AnchorLog_NotWriter.selector, address(this)));
        log.anchor(1, ROOT);
        vm.assertEq(log.writer(), WRITER, "writer");
    }

    function test_Anchor_RevertWhen_TheHeadHasNoLeaves() public {
        vm.prank(WRITER);
        vm.expectRevert(IAnchorLog.AnchorLog_NoLeaves.selector);
        log.anchor(0, bytes32(0));
    }

    function test_Anchor_WhenItIsTheFirstHead() public {
        standsAt(0, bytes32(0), 0, 0);
        vm.expectEmit(true, true, true, true, address(log));
        emit IAnchorLog.Anchored(7, ROOT);
        vm.prank(WRITER);
        log.anchor(7, ROOT);
        standsAt(7, ROOT, block.number, NOW);
        vm.assertEq(vm.load(address(log), bytes32(0)), ROOT, "slot 0 is the root");
        uint256 word = uint256(vm.load(address(log), bytes32(uint256(1))));
        vm.assertEq(word, 7 | (block.number << 64) | (NOW << 128), "slot 1 is size, block, time");
    }

    function test_Anchor_WhenTheHeadIsLarger() public {
        anchor(7, ROOT);
        vm.warp(NOW + 5);
        vm.expectEmit(true, true, true, true, address(log));
        emit IAnchorLog.Anchored(8, OTHER);
        vm.prank(WRITER);
        log.anchor(8, OTHER);
        standsAt(8, OTHER, block.number, NOW + 5);
    }

    function test_Anchor_RevertWhen_TheHeadIsSmaller() public {
        anchor(7, ROOT);
        vm.prank(WRITER);
        vm.expectRevert(abi.encodeWithSelector(IAnchorLog.AnchorLog_HeadShrinks.selector, 7, 6));
        log.anchor(6, ROOT);
    }

    function test_Anchor_RevertWhen_TheSizeIsTheSameAndTheRootAnother() public {
        anchor(7, ROOT);
        vm.prank(WRITER);
        vm.expectRevert(abi.encodeWithSelector(IAnchorLog.AnchorLog_HeadDiffers.selector, 7, ROOT, OTHER));
        log.anchor(7, OTHER);
    }

    function test_Anchor_WhenTheSameHeadComesAgain() public {
        anchor(7, ROOT);
        vm.warp(NOW + 5);
        vm.recordLogs();
        anchor(7, ROOT);
        vm.assertEq(vm.getRecordedLogs().length, 0, "an event");
        standsAt(7, ROOT, block.number, NOW);
    }

    function test_Deploy_RevertWhen_ThereIsNoWriter() public {
        bytes memory code = bytes.concat(vm.getCode("AnchorLog.sol:AnchorLog"), abi.encode(address(0)));
        vm.expectRevert(IAnchorLog.AnchorLog_NoWriter.selector);
        address made;
        assembly ("memory-safe") {
            made := create(0, add(code, 32), mload(code))
        }
    }

    function anchor(uint64 size, bytes32 root) private {
        vm.prank(WRITER);
        log.anchor(size, root);
    }

    function standsAt(uint256 size, bytes32 root, uint256 number, uint256 time) private view {
        (uint64 size_, bytes32 root_, uint64 number_, uint48 time_) = log.head();
        vm.assertEq(size_, size, "size");
        vm.assertEq(root_, root, "root");
        vm.assertEq(number_, number, "block");
        vm.assertEq(time_, time, "time");
    }
}
