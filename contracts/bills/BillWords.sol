// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BillState} from "./IRailBills.sol";

/// @notice All that the chain keeps of a bill: one storage slot.
type BillWord is uint256;

using BillWords for BillWord global;

/// @title Reading and writing a bill's word
/// @dev From the low end; zero is a bill that was never issued:
///
///     bit 0       8       16         48       80       112       144          176           224       240
///         | state | flags | sequence | issuer | holder | offeree | lienholder | offerExpiry | version | – |
///             8       8        32        32       32       32         32            48          16     16
///
/// flags: bit 0 (bit 8 of the word) is toOrder; the others are kept for freeze and goods gone.
/// lienholder is kept for the lien, and the last 16 bits for its state: all zero in this version.
/// Issuer, holder and offeree are numbers of parties. Without an offer, offeree and offerExpiry are zero.
library BillWords {
    uint256 private constant SEQUENCE = 16;
    uint256 private constant ISSUER = 48;
    uint256 private constant HOLDER = 80;
    uint256 private constant OFFEREE = 112;
    uint256 private constant OFFER_EXPIRY = 176;
    uint256 private constant VERSION = 224;

    uint256 private constant TO_ORDER = 1 << 8;
    uint256 private constant OFFER_MASK =
        (uint256(type(uint32).max) << OFFEREE) | (uint256(type(uint48).max) << OFFER_EXPIRY);

    /// @dev The word of a bill just issued: in its first version, its first act done.
    function issued(uint32 issuer_, uint32 holder_, bool toOrder_) internal pure returns (BillWord) {
        return BillWord.wrap(
            uint256(BillState.Issued) | (toOrder_ ? TO_ORDER : 0) | (1 << SEQUENCE)
                | (uint256(issuer_) << ISSUER) | (uint256(holder_) << HOLDER) | (1 << VERSION)
        );
    }

    function state(BillWord word) internal pure returns (BillState) {
        return BillState(uint8(BillWord.unwrap(word)));
    }

    function toOrder(BillWord word) internal pure returns (bool) {
        return BillWord.unwrap(word) & TO_ORDER != 0;
    }

    function sequence(BillWord word) internal pure returns (uint32) {
        return uint32(BillWord.unwrap(word) >> SEQUENCE);
    }

    function issuer(BillWord word) internal pure returns (uint32) {
        return uint32(BillWord.unwrap(word) >> ISSUER);
    }

    function holder(BillWord word) internal pure returns (uint32) {
        return uint32(BillWord.unwrap(word) >> HOLDER);
    }

    function offeree(BillWord word) internal pure returns (uint32) {
        return uint32(BillWord.unwrap(word) >> OFFEREE);
    }

    function offerExpiry(BillWord word) internal pure returns (uint48) {
        return uint48(BillWord.unwrap(word) >> OFFER_EXPIRY);
    }

    function version(BillWord word) internal pure returns (uint16) {
        return uint16(BillWord.unwrap(word) >> VERSION);
    }

    /// @dev One more act was done.
    function advanced(BillWord word) internal pure returns (BillWord) {
        uint32 next = word.sequence() + 1;
        return _with(word, uint256(type(uint32).max) << SEQUENCE, uint256(next) << SEQUENCE);
    }

    function withState(BillWord word, BillState state_) internal pure returns (BillWord) {
        return _with(word, type(uint8).max, uint256(state_));
    }

    /// @dev Control moves; an offer that stood does not outlive it.
    function withHolder(BillWord word, uint32 holder_) internal pure returns (BillWord) {
        return _with(word, (uint256(type(uint32).max) << HOLDER) | OFFER_MASK, uint256(holder_) << HOLDER);
    }

    function withOffer(BillWord word, uint32 offeree_, uint48 expiry) internal pure returns (BillWord) {
        return _with(word, OFFER_MASK, (uint256(offeree_) << OFFEREE) | (uint256(expiry) << OFFER_EXPIRY));
    }

    function withoutOffer(BillWord word) internal pure returns (BillWord) {
        return _with(word, OFFER_MASK, 0);
    }

    function _with(BillWord word, uint256 mask, uint256 bits) private pure returns (BillWord) {
        return BillWord.wrap((BillWord.unwrap(word) & ~mask) | bits);
    }
}
