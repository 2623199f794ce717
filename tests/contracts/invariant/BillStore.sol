// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BillAct, BillId, BillState} from "../../../contracts/bills/IRailBills.sol";
import {BillModel} from "./BillModel.sol";

/// @title What the handler remembers: each bill as the model has it, and what was tried
contract BillStore {
    uint256 public constant BILLS = 10;
    uint256 public constant NOTES = 5;

    /// @notice A bill that changed hands, and by which act.
    struct Move {
        BillAct act;
        uint32 signer;
        uint32 from;
        uint32 to;
        uint32 offeree;
    }

    mapping(BillId id => BillModel.Bill) private _bills;
    mapping(BillAct act => uint256 times) public done;
    mapping(BillAct act => uint256 times) public refused;
    BillId[] private _issued;
    uint256[] private _retired;
    Move[] private _moves;
    bool public wordChangedAfterEnd;

    function record(BillId id, BillModel.Try calldata t, bool executed, BillModel.Bill calldata next)
        external
    {
        if (!executed) {
            refused[t.act] += 1;
            return;
        }
        done[t.act] += 1;
        if (t.act == BillAct.Issue) _issued.push(id);
        BillModel.Bill storage bill = _bills[id];
        if (bill.state == BillState.Delivered || bill.state == BillState.Voided) wordChangedAfterEnd = true;
        if (bill.holder != next.holder && bill.state != BillState.None) {
            _moves.push(Move(t.act, t.signer, bill.holder, next.holder, bill.offeree));
        }
        _bills[id] = next;
    }

    /// @notice A bill that was issued, or any if none was.
    function issuedAt(uint256 seed) external view returns (BillId) {
        return _issued.length == 0 ? billAt(seed) : _issued[seed % _issued.length];
    }

    function addRetired(uint256 key) external {
        _retired.push(key);
    }

    function billOf(BillId id) external view returns (BillModel.Bill memory) {
        return _bills[id];
    }

    function retiredCount() external view returns (uint256) {
        return _retired.length;
    }

    function retiredAt(uint256 seed) external view returns (uint256) {
        return _retired[seed % _retired.length];
    }

    function moves() external view returns (Move[] memory) {
        return _moves;
    }

    /// @notice How many bills for a note are not voided.
    function liveOn(bytes32 note) external view returns (uint256 count) {
        for (uint256 i = 0; i < BILLS; ++i) {
            BillModel.Bill storage bill = _bills[billAt(i)];
            if (bill.note == note && bill.state != BillState.None && bill.state != BillState.Voided) ++count;
        }
    }

    function billAt(uint256 seed) public pure returns (BillId) {
        return BillId.wrap(keccak256(abi.encode("bill", seed % BILLS)));
    }

    function noteAt(uint256 seed) public pure returns (bytes32) {
        return keccak256(abi.encode("note", seed % NOTES));
    }
}
