// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BillAct, BillState} from "../../../contracts/bills/IRailBills.sol";

/// @title The rules of a bill once more, plainly
/// @notice Written from the table in IRailBills, without packing and without a thought for gas. The handler
/// asks it what must happen, and the contract must do just that.
library BillModel {
    struct Bill {
        BillState state;
        bool toOrder;
        uint32 sequence;
        uint32 issuer;
        uint32 holder;
        uint32 offeree;
        uint48 expiry;
        bytes32 note;
    }

    /// @notice What an act was signed with, and what the world then was.
    struct Try {
        BillAct act;
        uint32 signer; // 0: the key speaks for nobody
        uint32 cosigner; // 0: none
        uint32 sequence;
        uint32 to;
        bool toOrder;
        uint48 expiry;
        bytes32 detail;
        uint48 time;
        bool signerMayIssue;
        bool noteFree;
        uint32 partyCount;
    }

    /// @return done Whether the act takes effect.
    /// @return next The bill afterwards.
    function run(Bill memory bill, Try memory t) internal pure returns (bool done, Bill memory next) {
        next = Bill(
            bill.state,
            bill.toOrder,
            bill.sequence,
            bill.issuer,
            bill.holder,
            bill.offeree,
            bill.expiry,
            bill.note
        );
        if (t.signer == 0 || t.sequence != bill.sequence) return (false, next);
        if (t.act != BillAct.Void && t.cosigner != 0) return (false, next);
        done = apply_(next, t);
        if (done) next.sequence = bill.sequence + 1;
    }

    function apply_(Bill memory bill, Try memory t) private pure returns (bool) {
        bool live = bill.state == BillState.Issued || bill.state == BillState.Surrendered
            || bill.state == BillState.Accepted;
        bool isHolder = live && t.signer == bill.holder;
        bool isIssuer = live && t.signer == bill.issuer;
        bool isOfferee = live && bill.offeree != 0 && t.signer == bill.offeree;
        bool known = t.to != 0 && t.to <= t.partyCount;

        if (t.act == BillAct.Issue) {
            if (bill.state != BillState.None || !t.signerMayIssue || !t.noteFree || !known) return false;
            bill.state = BillState.Issued;
            bill.toOrder = t.toOrder;
            bill.issuer = t.signer;
            bill.holder = t.to;
            bill.note = t.detail;
            return true;
        }
        if (t.act == BillAct.Transfer) {
            if (!isHolder || bill.state != BillState.Issued || !bill.toOrder) return false;
            if (!known || t.to == bill.holder) return false;
            return moves(bill, t.to);
        }
        if (t.act == BillAct.Offer) {
            if (!isHolder || bill.state != BillState.Issued || !bill.toOrder) return false;
            if (!known || t.to == bill.holder || t.expiry < t.time) return false;
            (bill.offeree, bill.expiry) = (t.to, t.expiry);
            return true;
        }
        if (t.act == BillAct.AcceptOffer) {
            return isOfferee && t.time <= bill.expiry && moves(bill, t.signer);
        }
        if (t.act == BillAct.DeclineOffer) return isOfferee && endsOffer(bill);
        if (t.act == BillAct.WithdrawOffer) return isHolder && bill.offeree != 0 && endsOffer(bill);
        if (t.act == BillAct.Surrender) {
            return isHolder && bill.state == BillState.Issued && becomes(bill, BillState.Surrendered);
        }
        if (t.act == BillAct.Deliver) {
            return isIssuer && bill.state == BillState.Accepted && becomes(bill, BillState.Delivered);
        }
        if (t.act == BillAct.Void) {
            bool together = bill.holder == bill.issuer ? t.cosigner == 0 : t.cosigner == bill.issuer;
            return isHolder && together && becomes(bill, BillState.Voided);
        }
        if (bill.state != BillState.Surrendered) return false;
        if (t.act == BillAct.WithdrawSurrender) return isHolder && becomes(bill, BillState.Issued);
        if (t.act == BillAct.AcceptSurrender) return isIssuer && becomes(bill, BillState.Accepted);
        return isIssuer && becomes(bill, BillState.Issued);
    }

    function moves(Bill memory bill, uint32 to) private pure returns (bool) {
        bill.holder = to;
        return endsOffer(bill);
    }

    function becomes(Bill memory bill, BillState state) private pure returns (bool) {
        bill.state = state;
        return endsOffer(bill);
    }

    function endsOffer(Bill memory bill) private pure returns (bool) {
        (bill.offeree, bill.expiry) = (0, 0);
        return true;
    }
}
