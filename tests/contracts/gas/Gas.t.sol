// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BillAct, BillId} from "../../../contracts/bills/IRailBills.sol";
import {IAnchorLog} from "../../../contracts/log/IAnchorLog.sol";
import {PartyAct, Role} from "../../../contracts/parties/IParties.sol";
import {Intent} from "../../../contracts/shared/IIntents.sol";
import {House} from "../support/House.sol";

/// @title What each act costs
/// @notice Run with `isolate`: every call is a transaction of its own, so the figures hold the 21,000, the
/// calldata and cold storage, as a sender pays them. Kept beside this file, one JSON for each group.
/// forge-config: default.isolate = true
contract GasSnapshot is House {
    uint32 private constant BATCH = 16;

    uint256[16] private holderKeys;
    uint32[16] private holders;
    uint256[16] private issuerKeys;

    /// @dev Sixteen issuers and sixteen holders: no signature of a batch finds a slot warm that another read.
    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < BATCH; ++i) {
            issuerKeys[i] = keyNamed(string.concat("issuer ", vm.toString(i)));
            holderKeys[i] = keyNamed(string.concat("holder ", vm.toString(i)));
            uint32 issuer = admit(issuerKeys[i]);
            grant(issuer, Role.Carrier, 0, 0);
            holders[i] = admit(holderKeys[i]);
        }
    }

    function test_Life() public {
        uint256 life = one("1 issue", carrierKey, BillAct.Issue, issueArgument(bank, true), NOTE);
        life += one("2 transfer", bankKey, BillAct.Transfer, importer, 0);
        life += one("3 offer", importerKey, BillAct.Offer, offerArgument(bank, LATER), 0);
        life += one("4 accept offer", bankKey, BillAct.AcceptOffer, 0, 0);
        life += one("5 surrender", bankKey, BillAct.Surrender, 0, 0);
        life += one("6 accept surrender", carrierKey, BillAct.AcceptSurrender, 0, 0);
        life += one("7 deliver", carrierKey, BillAct.Deliver, 0, REASON);
        vm.snapshotValue("bills", "life of seven", life);
    }

    function test_OtherActs() public {
        issue(bank);
        doAct(bankKey, BillAct.Offer, offerArgument(importer, LATER), 0);
        one("decline offer", importerKey, BillAct.DeclineOffer, 0, 0);
        doAct(bankKey, BillAct.Offer, offerArgument(importer, LATER), 0);
        one("withdraw offer", bankKey, BillAct.WithdrawOffer, 0, 0);
        doAct(bankKey, BillAct.Surrender);
        one("withdraw surrender", bankKey, BillAct.WithdrawSurrender, 0, 0);
        doAct(bankKey, BillAct.Surrender);
        one("refuse surrender", carrierKey, BillAct.RefuseSurrender, 0, REASON);
        voidTogether(BILL, bankKey, carrierKey);
        vm.snapshotGasLastCall("bills", "void, two signatures");
    }

    function test_LifeInBatches() public {
        lifeInBatches("bills-in-batches");
    }

    function test_LifeInBatchesOfOneCarrier() public {
        for (uint256 i = 0; i < BATCH; ++i) {
            issuerKeys[i] = carrierKey;
        }
        lifeInBatches("bills-in-batches-of-one-carrier");
    }

    /// @dev The limits are those that a log of one document a leaf must keep to be worth its anchor.
    function test_Anchor() public {
        IAnchorLog log = IAnchorLog(vm.deployCode("AnchorLog.sol:AnchorLog", abi.encode(address(this))));
        log.anchor(4096, keccak256("first"));
        vm.snapshotGasLastCall("log", "first head");
        log.anchor(8192, keccak256("next"));
        vm.assertLe(vm.snapshotGasLastCall("log", "next head"), 34_000, "a head is too dear");
        log.anchor(8192, keccak256("next"));
        vm.assertLe(vm.snapshotGasLastCall("log", "repeated head"), 27_000, "a repeat is too dear");
    }

    function test_Parties() public {
        uint256 newKey = keyNamed("new");
        executeJoint(admission(newKey), administratorKey, newKey);
        vm.snapshotGasLastCall("parties", "admit");
        uint32 party = parties.partyCount();
        grant(party, Role.Carrier, 0, 0);
        vm.snapshotGasLastCall("parties", "grant role");
        parties.execute(byAdministrator(PartyAct.EndRole, party, roleArgument(Role.Carrier, 0, 0), 0));
        vm.snapshotGasLastCall("parties", "end role");
        suspend(party);
        vm.snapshotGasLastCall("parties", "suspend");
        parties.execute(byAdministrator(PartyAct.Reinstate, party, 0, 0));
        vm.snapshotGasLastCall("parties", "reinstate");

        uint256 second = keyNamed("second");
        executeJoint(withCosigners(keyAct(PartyAct.AddKey, party, vm.addr(second)), 1), newKey, second);
        vm.snapshotGasLastCall("parties", "add key");
        uint256 third = keyNamed("third");
        executeJoint(withCosigners(keyAct(PartyAct.RotateKey, party, vm.addr(third)), 1), second, third);
        vm.snapshotGasLastCall("parties", "rotate key");
        parties.execute(signed(parties, keyAct(PartyAct.RevokeKey, party, vm.addr(third)), newKey));
        vm.snapshotGasLastCall("parties", "revoke key");

        uint256 heir = keyNamed("heir");
        Intent memory handover = draft(
            PartyAct.TransferAdministration, 0, parties.administratorSequence(), uint160(vm.addr(heir)), 0
        );
        executeJoint(withCosigners(handover, 1), administratorKey, heir);
        vm.snapshotGasLastCall("parties", "transfer administration");
    }

    function one(string memory name, uint256 key, BillAct kind, uint160 argument, bytes32 detail)
        private
        returns (uint256)
    {
        Intent memory intent = byKey(key, kind, BILL, argument, detail);
        bills.execute(intent);
        return vm.snapshotGasLastCall("bills", name);
    }

    function lifeInBatches(string memory group) private {
        uint256 life = batch(group, "1 issue", BillAct.Issue, 0);
        life += batch(group, "2 transfer", BillAct.Transfer, 1);
        life += batch(group, "3 offer", BillAct.Offer, 2);
        life += batch(group, "4 accept offer", BillAct.AcceptOffer, 3);
        life += batch(group, "5 surrender", BillAct.Surrender, 4);
        life += batch(group, "6 accept surrender", BillAct.AcceptSurrender, 5);
        life += batch(group, "7 deliver", BillAct.Deliver, 6);
        vm.snapshotValue(group, "life of seven", life);
    }

    /// @dev One step of sixteen lives at once. Bill i goes from its issuer to holder i, i+1, i+2.
    function batch(string memory group, string memory name, BillAct kind, uint32 sequence)
        private
        returns (uint256 each)
    {
        Intent[] memory intents = new Intent[](BATCH);
        for (uint256 i = 0; i < BATCH; ++i) {
            (uint256 key, uint160 argument, bytes32 detail) = step(kind, i);
            BillId id = BillId.wrap(keccak256(abi.encode("bill", i)));
            intents[i] = signed(bills, draft(kind, id, sequence, argument, detail), key);
        }
        bills.executeBatch(intents, none());
        each = vm.lastCallGas().gasTotalUsed / BATCH;
        vm.snapshotValue(group, name, each);
        for (uint256 i = 0; i < BATCH; ++i) {
            uint32 reached = bills.bill(BillId.wrap(intents[i].subject)).sequence;
            vm.assertEq(reached, sequence + 1, "an act of the batch was refused");
        }
    }

    function step(BillAct kind, uint256 i)
        private
        view
        returns (uint256 key, uint160 argument, bytes32 detail)
    {
        uint256 second = (i + 1) % BATCH;
        uint256 third = (i + 2) % BATCH;
        if (kind == BillAct.Issue) {
            return (issuerKeys[i], issueArgument(holders[i], true), keccak256(abi.encode("note", i)));
        }
        if (kind == BillAct.Transfer) return (holderKeys[i], holders[second], 0);
        if (kind == BillAct.Offer) return (holderKeys[second], offerArgument(holders[third], LATER), 0);
        if (kind == BillAct.AcceptOffer || kind == BillAct.Surrender) return (holderKeys[third], 0, 0);
        if (kind == BillAct.AcceptSurrender) return (issuerKeys[i], 0, 0);
        return (issuerKeys[i], 0, REASON);
    }
}
