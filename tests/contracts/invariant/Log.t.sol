// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAnchorLog} from "../../../contracts/log/IAnchorLog.sol";
import {Test} from "../support/Test.sol";

/// @notice Anchors whatever it is given, as the writer or as a stranger, and remembers what was taken.
contract LogHandler is Test {
    IAnchorLog public log;
    mapping(uint64 size => bytes32 root) public taken;
    uint64 public largest;

    constructor() {
        log = IAnchorLog(vm.deployCode("AnchorLog.sol:AnchorLog", abi.encode(address(this))));
    }

    function anchor(uint64 size, bytes32 root, bool near) external {
        if (near) size = uint64(bound(size, largest > 3 ? largest - 3 : 0, uint256(largest) + 3));
        bool may = size > largest || (size != 0 && size == largest && root == taken[size]);
        try log.anchor(size, root) {
            vm.assertTrue(may, "a head that must not be taken");
            taken[size] = root;
            largest = size;
        } catch {
            vm.assertFalse(may, "a head that must be taken");
        }
    }

    function repeat() external {
        if (largest != 0) log.anchor(largest, taken[largest]);
    }

    function intrude(address who, uint64 size, bytes32 root) external {
        if (who == address(this)) return;
        vm.prank(who);
        try log.anchor(size, root) {
            vm.assertTrue(false, "a stranger anchored");
        } catch {}
    }
}

contract LogInvariants is Test {
    LogHandler private handler;

    function setUp() public {
        handler = new LogHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev The head is the largest that was taken, and says of its size what it said first.
    function invariant_TheHeadOnlyGrows() public view {
        (uint64 size, bytes32 root,,) = handler.log().head();
        vm.assertEq(size, handler.largest(), "size");
        vm.assertEq(root, handler.taken(size), "root");
    }
}
