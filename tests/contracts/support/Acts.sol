// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BillAct, BillId} from "../../../contracts/bills/IRailBills.sol";
import {PartyAct, Role} from "../../../contracts/parties/IParties.sol";
import {Cosignature, IIntents, Intent} from "../../../contracts/shared/IIntents.sol";
import {Test} from "./Test.sol";

/// @title Writing and signing acts
/// @notice Packs what a client packs. Digests come from the contract under test; that they are those of
/// EIP-712 is what the vectors prove (tests/contracts/vectors).
abstract contract Acts is Test {
    /// @dev Far enough for every test that does not ask about deadlines.
    uint48 internal constant LATER = 10_000_000_000;

    function packHead(
        uint8 kind,
        uint8 cosigners,
        bool flag,
        uint32 sequence,
        uint48 deadline,
        uint160 argument
    ) internal pure returns (uint256) {
        return uint256(kind) | (uint256(cosigners) << 8) | (flag ? 1 << 15 : 0) | (uint256(sequence) << 16)
            | (uint256(deadline) << 48) | (uint256(argument) << 96);
    }

    function draft(BillAct act, BillId id, uint32 sequence, uint160 argument, bytes32 detail)
        internal
        pure
        returns (Intent memory intent)
    {
        intent.subject = BillId.unwrap(id);
        intent.head = packHead(uint8(act), 0, false, sequence, LATER, argument);
        intent.detail = detail;
    }

    function draft(PartyAct act, uint32 party, uint32 sequence, uint160 argument, bytes32 detail)
        internal
        pure
        returns (Intent memory intent)
    {
        intent.subject = bytes32(uint256(party));
        intent.head = packHead(uint8(act), 0, false, sequence, LATER, argument);
        intent.detail = detail;
    }

    function withDeadline(Intent memory intent, uint48 deadline) internal pure returns (Intent memory) {
        intent.head = (intent.head & ~(uint256(type(uint48).max) << 48)) | (uint256(deadline) << 48);
        return intent;
    }

    function withCosigners(Intent memory intent, uint8 count) internal pure returns (Intent memory) {
        intent.head = (intent.head & ~uint256(0x7f00)) | (uint256(count) << 8);
        return intent;
    }

    function withFlag(Intent memory intent) internal pure returns (Intent memory) {
        intent.head |= 1 << 15;
        return intent;
    }

    function signed(IIntents target, Intent memory intent, uint256 key)
        internal
        view
        returns (Intent memory)
    {
        (intent.r, intent.vs) = vm.signCompact(key, target.intentDigest(intent));
        return intent;
    }

    function cosigned(IIntents target, Intent memory intent, uint256 key)
        internal
        view
        returns (Cosignature memory cosignature)
    {
        (cosignature.r, cosignature.vs) = vm.signCompact(key, target.intentDigest(intent));
    }

    function many(Intent memory one) internal pure returns (Intent[] memory intents) {
        intents = new Intent[](1);
        intents[0] = one;
    }

    function many(Intent memory one, Intent memory two) internal pure returns (Intent[] memory intents) {
        intents = new Intent[](2);
        (intents[0], intents[1]) = (one, two);
    }

    function many(Intent memory one, Intent memory two, Intent memory three)
        internal
        pure
        returns (Intent[] memory intents)
    {
        intents = new Intent[](3);
        (intents[0], intents[1], intents[2]) = (one, two, three);
    }

    function many(Cosignature memory one) internal pure returns (Cosignature[] memory cosignatures) {
        cosignatures = new Cosignature[](1);
        cosignatures[0] = one;
    }

    function many(Cosignature memory one, Cosignature memory two)
        internal
        pure
        returns (Cosignature[] memory cosignatures)
    {
        cosignatures = new Cosignature[](2);
        (cosignatures[0], cosignatures[1]) = (one, two);
    }

    function none() internal pure returns (Cosignature[] memory) {
        return new Cosignature[](0);
    }

    function issueArgument(uint32 holder, bool toOrder) internal pure returns (uint160) {
        return uint160(holder) | (toOrder ? uint160(1) << 32 : 0);
    }

    function offerArgument(uint32 to, uint48 expiry) internal pure returns (uint160) {
        return uint160(to) | (uint160(expiry) << 32);
    }

    function roleArgument(Role role, uint48 from, uint48 until) internal pure returns (uint160) {
        return uint160(uint8(role)) | (uint160(from) << 8) | (uint160(until) << 56);
    }

    /// @dev The address that a signature recovers to under the digest of this contract, here and now.
    function signerHere(IIntents target, Intent memory intent) internal view returns (address) {
        bytes32 s = intent.vs & bytes32(uint256(type(int256).max));
        uint8 v = uint8(uint256(intent.vs) >> 255) + 27;
        return ecrecover(target.intentDigest(intent), v, intent.r, s);
    }
}
