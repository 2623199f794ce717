// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParties, Role} from "../parties/IParties.sol";
import {Head} from "../shared/Heads.sol";
import {Intent} from "../shared/IIntents.sol";
import {Intents} from "../shared/Intents.sol";
import {BillWord, BillWords} from "./BillWords.sol";
import {BillAct, BillId, BillState, IRailBills} from "./IRailBills.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title Railway bills of lading
/// @dev Storage: one word for each bill (drawn in BillWords), one slot for each note's fingerprint.
contract RailBills is IRailBills, Intents {
    bytes32 private constant ISSUE = keccak256(
        "Issue(bytes32 bill,uint32 sequence,uint48 deadline,bytes32 note,uint32 holder,bool toOrder)"
    );
    bytes32 private constant TRANSFER =
        keccak256("Transfer(bytes32 bill,uint32 sequence,uint48 deadline,uint32 to)");
    bytes32 private constant OFFER =
        keccak256("Offer(bytes32 bill,uint32 sequence,uint48 deadline,uint32 to,uint48 expiry)");
    bytes32 private constant ACCEPT_OFFER =
        keccak256("AcceptOffer(bytes32 bill,uint32 sequence,uint48 deadline)");
    bytes32 private constant DECLINE_OFFER =
        keccak256("DeclineOffer(bytes32 bill,uint32 sequence,uint48 deadline)");
    bytes32 private constant WITHDRAW_OFFER =
        keccak256("WithdrawOffer(bytes32 bill,uint32 sequence,uint48 deadline)");
    bytes32 private constant SURRENDER = keccak256("Surrender(bytes32 bill,uint32 sequence,uint48 deadline)");
    bytes32 private constant WITHDRAW_SURRENDER =
        keccak256("WithdrawSurrender(bytes32 bill,uint32 sequence,uint48 deadline)");
    bytes32 private constant ACCEPT_SURRENDER =
        keccak256("AcceptSurrender(bytes32 bill,uint32 sequence,uint48 deadline)");
    bytes32 private constant REFUSE_SURRENDER =
        keccak256("RefuseSurrender(bytes32 bill,uint32 sequence,uint48 deadline,bytes32 reason)");
    bytes32 private constant DELIVER =
        keccak256("Deliver(bytes32 bill,uint32 sequence,uint48 deadline,bytes32 evidence)");
    bytes32 private constant VOID =
        keccak256("Void(bytes32 bill,uint32 sequence,uint48 deadline,bytes32 reason)");

    IParties private immutable _parties;

    mapping(BillId id => BillWord word) private _words;
    mapping(bytes32 note => BillId id) private _billOfNote;

    constructor(IParties parties_) EIP712("Landbridge RailBills", "1") {
        _parties = parties_;
    }

    /// @inheritdoc IRailBills
    function parties() external view returns (IParties) {
        return _parties;
    }

    /// @inheritdoc IRailBills
    function bill(BillId id) external view returns (Bill memory) {
        BillWord word = _words[id];
        return Bill({
            state: word.state(),
            toOrder: word.toOrder(),
            sequence: word.sequence(),
            version: word.version(),
            issuer: word.issuer(),
            holder: word.holder(),
            offeree: word.offeree(),
            offerExpiry: word.offerExpiry()
        });
    }

    /// @inheritdoc IRailBills
    function billWord(BillId id) external view returns (uint256) {
        return BillWord.unwrap(_words[id]);
    }

    /// @inheritdoc IRailBills
    function billOfNote(bytes32 note) external view returns (BillId) {
        return _takenBy(note);
    }

    function _act(Intent calldata intent, Head head, address signer, address[] memory cosigners)
        internal
        override
    {
        BillId id = BillId.wrap(intent.subject);
        BillAct act = BillAct(head.kind());
        BillWord word = _words[id];

        if (act == BillAct.Issue) {
            _requireCount(0, cosigners.length);
            word = _issue(id, word, head, intent.detail, signer);
        } else {
            if (BillWord.unwrap(word) == 0) revert RailBills_UnknownBill(id);
            _requireSequence(id, word, head);
            uint32 party = _parties.speaksFor(signer);
            if (act == BillAct.Void) {
                word = _void(id, word, party, intent.detail, cosigners);
            } else {
                _requireCount(0, cosigners.length);
                word = act < BillAct.Surrender
                    ? _moved(act, id, word, party, head.argument())
                    : _presented(act, id, word, party, intent.detail);
            }
            word = word.advanced();
        }
        _words[id] = word;
        emit Acted(
            id,
            uint256(head.kind()) | (uint256(head.deadline()) << 8) | (uint256(uint160(signer)) << 56),
            BillWord.unwrap(word),
            intent.detail
        );
    }

    function _issue(BillId id, BillWord word, Head head, bytes32 note, address signer)
        private
        returns (BillWord)
    {
        if (BillId.unwrap(id) == 0 || note == 0) revert RailBills_ZeroDigest();
        if (BillWord.unwrap(word) != 0) revert RailBills_BillExists(id);
        _requireSequence(id, word, head);
        uint32 issuer = _parties.speaksFor(signer);
        if (!_parties.mayIssueAs(issuer, Role.Carrier)) revert RailBills_NotEntitled(issuer);
        uint32 holder = uint32(head.argument());
        _requireParty(holder);
        if (BillId.unwrap(_takenBy(note)) != 0) revert RailBills_NoteTaken(note);
        _billOfNote[note] = id;
        return BillWords.issued(issuer, holder, head.argument() >> 32 != 0);
    }

    /// @dev The bill after an act of one signer that moves, or offers to move, control.
    function _moved(BillAct act, BillId id, BillWord word, uint32 party, uint160 argument)
        private
        view
        returns (BillWord)
    {
        if (act == BillAct.Transfer) {
            _requireMovable(id, word, party, uint32(argument));
            return word.withHolder(uint32(argument));
        }
        if (act == BillAct.Offer) {
            uint48 expiry = uint48(argument >> 32);
            _requireMovable(id, word, party, uint32(argument));
            if (expiry < block.timestamp) revert RailBills_BadExpiry(expiry);
            return word.withOffer(uint32(argument), expiry);
        }
        if (word.offeree() == 0) revert RailBills_NoOffer(id);
        if (act == BillAct.WithdrawOffer) {
            _requireOwn(id, word.holder(), party);
            return word.withoutOffer();
        }
        _requireOwn(id, word.offeree(), party);
        if (act == BillAct.DeclineOffer) return word.withoutOffer();
        // AcceptOffer
        if (block.timestamp > word.offerExpiry()) revert RailBills_OfferExpired(id, word.offerExpiry());
        return word.withHolder(party);
    }

    /// @dev The bill after an act of one signer on the way from surrender to delivery.
    function _presented(BillAct act, BillId id, BillWord word, uint32 party, bytes32 detail)
        private
        pure
        returns (BillWord)
    {
        if (act == BillAct.Surrender) {
            _requireState(id, word, BillState.Issued);
            _requireOwn(id, word.holder(), party);
            return word.withoutOffer().withState(BillState.Surrendered);
        }
        if (act == BillAct.Deliver) {
            _requireState(id, word, BillState.Accepted);
            _requireOwn(id, word.issuer(), party);
            if (detail == 0) revert RailBills_ZeroDigest();
            return word.withState(BillState.Delivered);
        }
        _requireState(id, word, BillState.Surrendered);
        if (act == BillAct.WithdrawSurrender) {
            _requireOwn(id, word.holder(), party);
            return word.withState(BillState.Issued);
        }
        _requireOwn(id, word.issuer(), party);
        if (act == BillAct.AcceptSurrender) return word.withState(BillState.Accepted);
        // RefuseSurrender
        if (detail == 0) revert RailBills_ZeroDigest();
        return word.withState(BillState.Issued);
    }

    /// @dev Holder and issuer together end a bill; only this frees its note.
    function _void(BillId id, BillWord word, uint32 party, bytes32 reason, address[] memory cosigners)
        private
        view
        returns (BillWord)
    {
        BillState state = word.state();
        if (state == BillState.Delivered || state == BillState.Voided) {
            revert RailBills_WrongState(id, state);
        }
        _requireOwn(id, word.holder(), party);
        if (word.issuer() == party) {
            _requireCount(0, cosigners.length);
        } else {
            _requireCount(1, cosigners.length);
            _requireOwn(id, word.issuer(), _parties.speaksFor(cosigners[0]));
        }
        if (reason == 0) revert RailBills_ZeroDigest();
        return word.withoutOffer().withState(BillState.Voided);
    }

    /// @dev What transfer and offer share.
    function _requireMovable(BillId id, BillWord word, uint32 party, uint32 to) private view {
        _requireState(id, word, BillState.Issued);
        _requireOwn(id, word.holder(), party);
        if (!word.toOrder()) revert RailBills_NotToOrder(id);
        if (to == party) revert RailBills_AlreadyHolder(id, to);
        _requireParty(to);
    }

    function _requireParty(uint32 number) private view {
        if (number == 0 || number > _parties.partyCount()) revert RailBills_UnknownParty(number);
    }

    /// @dev A note is freed by voiding alone, and then its slot still names the voided bill: a bill need
    /// not remember its note, which would cost a slot each.
    function _takenBy(bytes32 note) private view returns (BillId id) {
        id = _billOfNote[note];
        if (BillId.unwrap(id) != 0 && _words[id].state() == BillState.Voided) id = BillId.wrap(0);
    }

    function _requireSequence(BillId id, BillWord word, Head head) private pure {
        if (head.sequence() != word.sequence()) {
            revert RailBills_StaleSequence(id, word.sequence(), head.sequence());
        }
    }

    function _requireState(BillId id, BillWord word, BillState needed) private pure {
        if (word.state() != needed) revert RailBills_WrongState(id, word.state());
    }

    function _requireOwn(BillId id, uint32 needed, uint32 given) private pure {
        if (needed != given) revert RailBills_WrongParty(id, needed, given);
    }

    function _structHash(Intent calldata intent, Head head) internal pure override returns (bytes32) {
        uint8 kind = head.kind();
        if (kind == 0 || kind > uint8(type(BillAct).max)) revert Intents_UnknownKind(kind);
        _requireNoFlag(head);
        BillAct act = BillAct(kind);
        bytes32 id = intent.subject;
        uint32 sequence = head.sequence();
        uint48 deadline = head.deadline();
        uint160 argument = head.argument();
        bytes32 detail = intent.detail;

        if (act == BillAct.Issue) {
            _requireUnused(argument >> 33);
            return keccak256(
                abi.encode(ISSUE, id, sequence, deadline, detail, uint32(argument), argument >> 32 != 0)
            );
        }
        if (act > BillAct.AcceptSurrender) {
            _requireUnused(argument);
            bytes32 typehash =
                act == BillAct.RefuseSurrender ? REFUSE_SURRENDER : act == BillAct.Deliver ? DELIVER : VOID;
            return keccak256(abi.encode(typehash, id, sequence, deadline, detail));
        }
        _requireUnused(uint256(detail));
        if (act == BillAct.Transfer) {
            _requireUnused(argument >> 32);
            return keccak256(abi.encode(TRANSFER, id, sequence, deadline, uint32(argument)));
        }
        if (act == BillAct.Offer) {
            _requireUnused(argument >> 80);
            return
                keccak256(abi.encode(OFFER, id, sequence, deadline, uint32(argument), uint48(argument >> 32)));
        }
        _requireUnused(argument);
        return keccak256(abi.encode(_plainTypehash(act), id, sequence, deadline));
    }

    function _plainTypehash(BillAct act) private pure returns (bytes32) {
        if (act < BillAct.Surrender) {
            if (act == BillAct.AcceptOffer) return ACCEPT_OFFER;
            return act == BillAct.DeclineOffer ? DECLINE_OFFER : WITHDRAW_OFFER;
        }
        if (act == BillAct.Surrender) return SURRENDER;
        return act == BillAct.WithdrawSurrender ? WITHDRAW_SURRENDER : ACCEPT_SURRENDER;
    }
}
