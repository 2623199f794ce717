// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BillAct, BillId, BillState, IRailBills} from "../../../contracts/bills/IRailBills.sol";
import {House} from "../support/House.sol";
import {BillHandler} from "./BillHandler.sol";
import {BillModel} from "./BillModel.sol";
import {BillStore} from "./BillStore.sol";

contract BillsInvariants is House {
    BillHandler private handler;
    BillStore private store;

    function setUp() public override {
        super.setUp();
        handler =
            new BillHandler(parties, bills, administratorKey, [carrierKey, rivalKey, bankKey, importerKey]);
        store = handler.store();
    }

    /// @dev What forge may call.
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev A note has one bill that is not voided, or none; and the registry names that one.
    function invariant_Singularity() public view {
        for (uint256 n = 0; n < store.NOTES(); ++n) {
            bytes32 note = store.noteAt(n);
            vm.assertLe(store.liveOn(note), 1, "two live bills for one note");
            BillId named = bills.billOfNote(note);
            if (store.liveOn(note) == 0) {
                vm.assertEq(BillId.unwrap(named), 0, "a free note names a bill");
            } else {
                vm.assertEq(store.billOf(named).note, note, "the note names another's bill");
                BillState state = bills.bill(named).state;
                vm.assertTrue(
                    state != BillState.None && state != BillState.Voided, "the named bill is no bill"
                );
            }
        }
    }

    function invariant_ExclusiveControl() public view {
        nothingButItsOwnActsMovesABill();
        controlMovesByTheHolderAlone();
        theSequencesCountTheActs();
        vm.assertFalse(store.wordChangedAfterEnd(), "a bill that had ended changed");
    }

    /// @dev Every bill stands exactly where the acts that were executed on it have brought it: so no act on
    /// another bill, no suspension, no role, no key and nothing of the administrator's moved it.
    function nothingButItsOwnActsMovesABill() private view {
        for (uint256 i = 0; i < store.BILLS(); ++i) {
            BillId id = store.billAt(i);
            BillModel.Bill memory known = store.billOf(id);
            IRailBills.Bill memory bill = bills.bill(id);
            vm.assertTrue(bill.state == known.state, "state");
            vm.assertTrue(bill.toOrder == known.toOrder, "to order");
            vm.assertEq(bill.sequence, known.sequence, "sequence");
            vm.assertEq(bill.issuer, known.issuer, "issuer");
            vm.assertEq(bill.holder, known.holder, "holder");
            vm.assertEq(bill.offeree, known.offeree, "offeree");
            vm.assertEq(bill.offerExpiry, known.expiry, "expiry");
            vm.assertEq(bill.version, known.sequence == 0 ? 0 : 1, "version");
            uint256 reserved = (bills.billWord(id) >> 240) | (bills.billWord(id) >> 144 & type(uint32).max);
            vm.assertEq(reserved | (bills.billWord(id) & 0xfe00), 0, "reserved bits");
        }
    }

    /// @dev Control moves by the holder's own transfer, or to the party that it was offered to.
    function controlMovesByTheHolderAlone() private view {
        BillStore.Move[] memory moves = store.moves();
        for (uint256 i = 0; i < moves.length; ++i) {
            BillStore.Move memory move = moves[i];
            bool transferred = move.act == BillAct.Transfer && move.signer == move.from;
            bool accepted =
                move.act == BillAct.AcceptOffer && move.signer == move.offeree && move.to == move.offeree;
            vm.assertTrue(transferred || accepted, "control moved without its holder");
        }
    }

    /// @dev The sequence counts the acts: one each, none else.
    function theSequencesCountTheActs() private view {
        uint256 acts = 0;
        for (uint8 act = 1; act <= uint8(type(BillAct).max); ++act) {
            acts += store.done(BillAct(act));
        }
        uint256 sequences = 0;
        for (uint256 i = 0; i < store.BILLS(); ++i) {
            sequences += bills.bill(store.billAt(i)).sequence;
        }
        vm.assertEq(sequences, acts, "acts and sequences");
    }

    /// @dev The invariants say little if the handler never comes far: so it must be able to, with every act.
    function test_TheHandlerReachesEveryAct() public {
        uint256[16] memory done;
        uint256[16] memory refused;
        uint256 moves = 0;
        for (uint256 round = 0; round < 8; ++round) {
            setUp();
            for (uint256 i = 0; i < 150; ++i) {
                call(uint256(keccak256(abi.encode(round, i))));
            }
            for (uint8 act = 1; act <= uint8(type(BillAct).max); ++act) {
                done[act] += store.done(BillAct(act));
                refused[act] += store.refused(BillAct(act));
            }
            moves += store.moves().length;
            invariant_Singularity();
            invariant_ExclusiveControl();
        }
        for (uint8 act = 1; act <= uint8(type(BillAct).max); ++act) {
            vm.assertTrue(done[act] != 0, string.concat("never executed: ", vm.toString(act)));
            vm.assertTrue(refused[act] != 0, string.concat("never refused: ", vm.toString(act)));
        }
        vm.assertTrue(moves != 0, "control never moves");
    }

    function call(uint256 a) private {
        uint256 b = uint256(keccak256(abi.encode(a)));
        uint256 c = uint256(keccak256(abi.encode(b)));
        bool inBatch = b >> 255 == 1;
        uint256 choice = c >> 250;
        if (choice < 16) handler.issue(a, b, c, a >> 32, b >> 253 != 0, inBatch);
        else if (choice < 48) handler.act(a, b, c, a >> 32, b >> 32, inBatch);
        else if (choice < 56) handler.voidBill(a, b, c, a >> 254 == 0, inBatch);
        else handler.world(a, b, c);
    }
}
