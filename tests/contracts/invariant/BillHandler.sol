// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BillAct, BillId, BillState, IRailBills} from "../../../contracts/bills/IRailBills.sol";
import {IParties, PartyAct, Role} from "../../../contracts/parties/IParties.sol";
import {Cosignature, Intent} from "../../../contracts/shared/IIntents.sol";
import {Acts} from "../support/Acts.sol";
import {BillModel} from "./BillModel.sol";
import {BillStore} from "./BillStore.sol";

/// @title Parties, an administrator and a stranger, doing as they please with a few bills
/// @notice Every act is tried; the model says what must come of it. Nothing here reverts by design.
contract BillHandler is Acts {
    uint256 private constant PARTIES = 4;

    IParties private immutable parties;
    IRailBills private immutable bills;
    BillStore public immutable store;

    uint256 private immutable administrator;
    /// @dev The parties' live keys, then the administrator's, then a stranger's.
    uint256[6] private keys;
    uint256 private rotations;

    constructor(IParties parties_, IRailBills bills_, uint256 administrator_, uint256[4] memory keys_) {
        (parties, bills, administrator) = (parties_, bills_, administrator_);
        for (uint256 i = 0; i < PARTIES; ++i) {
            keys[i] = keys_[i];
        }
        keys[4] = administrator_;
        keys[5] = keyNamed("stranger");
        store = new BillStore();
    }

    // Acts on bills.

    function issue(uint256 who, uint256 which, uint256 note, uint256 to, bool toOrder, bool inBatch)
        external
    {
        BillModel.Try memory t;
        t.act = BillAct.Issue;
        t.to = uint32(bound(to, 1, PARTIES));
        t.toOrder = toOrder;
        t.detail = store.noteAt(note);
        if ((who >> 64) % 4 != 0) who = bound(who, 0, 1); // a carrier
        attempt(t, who, store.billAt(which), inBatch, false);
    }

    /// @dev Mostly an act that the bill's state allows, tried by the party whose act it is: else few bills
    /// would come far. The rest are tries that must fail.
    function act(uint256 who, uint256 kind, uint256 which, uint256 to, uint256 seconds_, bool inBatch)
        external
    {
        BillId id = store.issuedAt(which);
        BillModel.Try memory t;
        t.act = BillAct(bound(kind, uint8(BillAct.Transfer), uint8(BillAct.Deliver)));
        if ((kind >> 128) % 4 != 0) t.act = plausible(kind, id);
        t.to = uint32(bound(to, 0, PARTIES + 1));
        t.expiry = uint48(block.timestamp + bound(seconds_, 0, 2 hours) - 10 minutes);
        t.detail = keccak256("detail");
        bool stale = (who >> 128) % 16 == 0;
        if ((who >> 64) % 4 != 0) who = entitled(t.act, id);
        attempt(t, who, id, inBatch, stale);
    }

    function voidBill(uint256 who, uint256 with, uint256 which, bool alone, bool inBatch) external {
        BillModel.Try memory t;
        t.act = BillAct.Void;
        t.detail = keccak256("reason");
        BillId id = store.issuedAt(which);
        IRailBills.Bill memory bill = bills.bill(id);
        if ((who >> 64) % 4 != 0 && bill.holder != 0) who = bill.holder - 1;
        if ((with >> 64) % 4 != 0 && bill.issuer != 0) with = bill.issuer - 1;
        t.cosigner = alone ? 0 : uint32(bound(with, 0, PARTIES - 1) + 1);
        attempt(t, who, id, inBatch, false);
    }

    /// @dev What goes on around the bills.
    function world(uint256 choice, uint256 who, uint256 much) external {
        choice = choice % 8;
        if (choice == 0) suspendOrReinstate(uint32(bound(who, 1, PARTIES)));
        else if (choice == 1) endOrGrantCarrier(uint32(bound(who, 1, 2)));
        else if (choice == 2) rotateKey(bound(who, 0, PARTIES - 1));
        else if (choice < 5) actWithRetiredKey(who, much);
        else vm.warp(block.timestamp + bound(much, 1, 1 hours));
    }

    function suspendOrReinstate(uint32 party) private {
        if (parties.party(party).suspended) byAdministrator(PartyAct.Reinstate, party, 0, 0);
        else byAdministrator(PartyAct.Suspend, party, 0, keccak256("reason"));
    }

    function endOrGrantCarrier(uint32 party) private {
        uint48 next = uint48(block.timestamp) + 1;
        if (parties.hadRoleAt(party, Role.Carrier, next)) {
            byAdministrator(PartyAct.EndRole, party, roleArgument(Role.Carrier, 0, 0), 0);
        } else {
            byAdministrator(PartyAct.GrantRole, party, roleArgument(Role.Carrier, next, 0), 0);
        }
    }

    function rotateKey(uint256 place) private {
        uint32 party = uint32(place + 1);
        uint256 next = keyNamed(string.concat("rotation ", vm.toString(++rotations)));
        Intent memory intent =
            draft(PartyAct.RotateKey, party, parties.party(party).sequence, uint160(vm.addr(next)), 0);
        intent = signed(parties, withCosigners(intent, 1), keys[place]);
        Cosignature[] memory one = many(cosigned(parties, intent, next));
        store.addRetired(keys[place]);
        keys[place] = next;
        parties.executeJoint(intent, one);
    }

    /// @dev A key that was rotated away tries what its party could still do.
    function actWithRetiredKey(uint256 who, uint256 kind) private {
        if (store.retiredCount() == 0) return;
        BillModel.Try memory t;
        t.act = BillAct(bound(kind, uint8(BillAct.Issue), uint8(BillAct.Deliver)));
        t.to = 1;
        t.toOrder = true;
        t.detail = store.noteAt(kind);
        t.expiry = uint48(block.timestamp);
        attemptWithKey(t, store.retiredAt(who), 0, store.billAt(kind >> 64), false, false);
    }

    // How an act is tried.

    function attempt(BillModel.Try memory t, uint256 who, BillId id, bool inBatch, bool stale) private {
        uint256 place = bound(who, 0, keys.length - 1);
        t.signer = place < PARTIES ? uint32(place + 1) : 0;
        attemptWithKey(t, keys[place], t.cosigner == 0 ? 0 : keys[t.cosigner - 1], id, inBatch, stale);
    }

    function attemptWithKey(
        BillModel.Try memory t,
        uint256 key,
        uint256 cosigner,
        BillId id,
        bool inBatch,
        bool stale
    ) private {
        t.sequence = bills.bill(id).sequence;
        if (stale) t.sequence += 1;
        t.time = uint48(block.timestamp);
        t.partyCount = parties.partyCount();
        t.signerMayIssue = t.signer != 0 && !parties.party(t.signer).suspended
            && parties.hadRoleAt(t.signer, Role.Carrier, t.time);
        t.noteFree = store.liveOn(t.detail) == 0;
        (bool expected, BillModel.Bill memory next) = BillModel.run(store.billOf(id), t);

        bool done = executeAs(t, key, cosigner, id, inBatch);
        vm.assertTrue(
            done == expected, expected ? "refused, against the model" : "executed, against the model"
        );
        store.record(id, t, done, next);
    }

    function executeAs(BillModel.Try memory t, uint256 key, uint256 cosigner, BillId id, bool inBatch)
        private
        returns (bool)
    {
        Intent memory intent =
            draft(t.act, id, t.sequence, argumentOf(t), takesDetail(t.act) ? t.detail : bytes32(0));
        Cosignature[] memory cosignatures = none();
        if (cosigner != 0) {
            intent = withCosigners(intent, 1);
            cosignatures = many(cosigned(bills, intent, cosigner));
        }
        intent = signed(bills, intent, key);
        uint256 before = bills.billWord(id);
        if (inBatch) {
            bills.executeBatch(many(intent), cosignatures);
            return bills.billWord(id) != before;
        }
        if (cosigner != 0) {
            try bills.executeJoint(intent, cosignatures) {
                return true;
            } catch {
                return false;
            }
        }
        try bills.execute(intent) {
            return true;
        } catch {
            return false;
        }
    }

    function plausible(uint256 seed, BillId id) private view returns (BillAct) {
        IRailBills.Bill memory bill = bills.bill(id);
        if (bill.state == BillState.Accepted) return BillAct.Deliver;
        if (bill.state == BillState.Surrendered) {
            return BillAct(bound(seed, uint8(BillAct.WithdrawSurrender), uint8(BillAct.RefuseSurrender)));
        }
        bool offered = bill.offeree != 0;
        if (!offered && seed % 8 == 0) return BillAct.Surrender;
        BillAct last = offered ? BillAct.Surrender : BillAct.Offer;
        return BillAct(bound(seed, uint8(BillAct.Transfer), uint8(last)));
    }

    function entitled(BillAct kind, BillId id) private view returns (uint256) {
        IRailBills.Bill memory bill = bills.bill(id);
        uint32 party = bill.holder;
        if (kind == BillAct.AcceptOffer || kind == BillAct.DeclineOffer) party = bill.offeree;
        if (kind > BillAct.WithdrawSurrender) party = bill.issuer;
        return party == 0 ? 0 : party - 1;
    }

    function argumentOf(BillModel.Try memory t) private pure returns (uint160) {
        if (t.act == BillAct.Issue) return issueArgument(t.to, t.toOrder);
        if (t.act == BillAct.Transfer) return t.to;
        if (t.act == BillAct.Offer) return offerArgument(t.to, t.expiry);
        return 0;
    }

    function takesDetail(BillAct kind) private pure returns (bool) {
        return kind == BillAct.Issue || kind > BillAct.AcceptSurrender;
    }

    function byAdministrator(PartyAct kind, uint32 party, uint160 argument, bytes32 detail) private {
        Intent memory intent = draft(kind, party, parties.administratorSequence(), argument, detail);
        parties.execute(signed(parties, intent, administrator));
    }
}
