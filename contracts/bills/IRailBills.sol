// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParties} from "../parties/IParties.sol";
import {IIntents} from "../shared/IIntents.sol";

/// @notice A bill is known by the digest of its document's first version.
type BillId is bytes32;

/// @notice Where a bill stands. Numbers are part of the wire format: never reused. 6 to 8 are kept for
/// switched, split and combined.
enum BillState {
    None,
    Issued,
    Surrendered, // presented to the carrier, unanswered
    Accepted, // surrender accepted: the carrier owes delivery
    Delivered,
    Voided
}

/// @notice Acts on a bill. Numbers are part of the wire format: never reused.
enum BillAct {
    None,
    Issue,
    Transfer,
    Offer,
    AcceptOffer,
    DeclineOffer,
    WithdrawOffer,
    Surrender,
    WithdrawSurrender,
    AcceptSurrender,
    RefuseSurrender,
    Deliver,
    Void
}

/// @title Railway bills of lading
/// @notice Who controls the goods of a consignment note. One note, one live bill; one party in control.
/// @dev EIP-712 domain: name "Landbridge RailBills", version "1".
///
/// Every struct begins (bytes32 bill,uint32 sequence,uint48 deadline …); the sequence is the bill's own:
/// 0 before issue, 1 after it, one more with each act.
///
/// | act | further fields of the signed struct | signer | wire |
/// |---|---|---|---|
/// | Issue | bytes32 note,uint32 holder,bool toOrder | a carrier | detail = note; argument = holder (32), toOrder (bit 32) |
/// | Transfer | uint32 to | holder | argument = to |
/// | Offer | uint32 to,uint48 expiry | holder | argument = to (32), expiry (48): the last second in which it can be accepted |
/// | AcceptOffer | – | the party it was offered to | – |
/// | DeclineOffer | – | the party it was offered to | – |
/// | WithdrawOffer | – | holder | – |
/// | Surrender | – | holder | – |
/// | WithdrawSurrender | – | holder, while unanswered | – |
/// | AcceptSurrender | – | issuer | – |
/// | RefuseSurrender | bytes32 reason | issuer; the bill is live again with its holder | detail = reason (digest of the reasons) |
/// | Deliver | bytes32 evidence | issuer, after it accepted | detail = evidence (digest of the delivery record) |
/// | Void | bytes32 reason | holder; cosigned by the issuer, unless the holder is the issuer | detail = reason |
///
/// An offer does not move control: until accepted the holder may withdraw it, transfer, surrender (either
/// ends the offer) or offer anew (which replaces it). One that expired can still be declined or withdrawn.
/// A bill not to order (`toOrder` false) cannot be transferred or offered. Void is open until delivery. A
/// note stays taken after delivery; only voiding frees it; a bill's id is never used again. Suspension
/// stops `Issue` and nothing else. No function here is the administrator's.
interface IRailBills is IIntents {
    /// @notice An act took effect. `word` is the bill as it now stands (layout: see BillWords).
    /// @param bill The bill.
    /// @param act Packed from the low end: kind (8), deadline (48), the first signer's key (160).
    /// @param word The bill's word after the act.
    /// @param detail The act's detail word: note, reason or evidence.
    event Acted(BillId indexed bill, uint256 act, uint256 word, bytes32 detail);

    /// @notice A digest that must say something is zero.
    error RailBills_ZeroDigest();
    /// @notice A bill of this id was issued before.
    error RailBills_BillExists(BillId bill);
    /// @notice No bill of this id was issued.
    error RailBills_UnknownBill(BillId bill);
    /// @notice Another bill stands, or was delivered, for this note.
    error RailBills_NoteTaken(bytes32 note);
    /// @notice The act was signed for another moment of the bill's history.
    error RailBills_StaleSequence(BillId bill, uint32 expected, uint32 given);
    /// @notice The party is no carrier now, or is suspended.
    error RailBills_NotEntitled(uint32 party);
    /// @notice The act is another party's.
    error RailBills_WrongParty(BillId bill, uint32 needed, uint32 given);
    /// @notice The bill does not stand where the act needs it.
    error RailBills_WrongState(BillId bill, BillState state);
    /// @notice There is no party of this number.
    error RailBills_UnknownParty(uint32 party);
    /// @notice The bill names its holder and cannot be moved.
    error RailBills_NotToOrder(BillId bill);
    /// @notice The party holds the bill already.
    error RailBills_AlreadyHolder(BillId bill, uint32 party);
    /// @notice No offer stands.
    error RailBills_NoOffer(BillId bill);
    /// @notice The offer could be accepted until this time.
    error RailBills_OfferExpired(BillId bill, uint48 expiry);
    /// @notice The offer would have expired before it was made.
    error RailBills_BadExpiry(uint48 expiry);

    /// @notice A bill as it stands; all zero for an unknown one. Fields that this version does not use are
    /// absent here and zero in the word.
    struct Bill {
        BillState state;
        bool toOrder;
        uint32 sequence;
        uint16 version;
        uint32 issuer;
        uint32 holder;
        uint32 offeree; // 0 without an offer
        uint48 offerExpiry;
    }

    /// @notice The registry that says who signs for whom.
    function parties() external view returns (IParties);
    /// @notice A bill as it stands.
    function bill(BillId id) external view returns (Bill memory);
    /// @notice The bill's word as stored.
    function billWord(BillId id) external view returns (uint256);
    /// @notice The bill that took a note's fingerprint; zero while it is free.
    function billOfNote(bytes32 note) external view returns (BillId);
}
