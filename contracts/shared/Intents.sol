// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Head} from "./Heads.sol";
import {Cosignature, IIntents, Intent} from "./IIntents.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title Acts signed by whose act they are: what every contract of acts shares
/// @notice Checks deadline, signatures and form, and runs batches. What an act means, and whether its
/// signer is entitled to it, is the inheriting contract's.
abstract contract Intents is IIntents, EIP712 {
    /// @inheritdoc IIntents
    uint256 public constant INTENT_GAS = 200_000;

    /// @dev What must be left before an act of a batch: its cap must survive the rule that a call passes
    /// on at most 63/64 (EIP-150), and the loop needs some to pack the call and for `IntentRefused`.
    uint256 private constant GAS_NEEDED = (INTENT_GAS * 64) / 63 + 10_000;
    uint256 private constant GAS_NEEDED_PER_COSIGNATURE = 500;

    /// @inheritdoc IIntents
    function execute(Intent calldata intent) external {
        Head head = Head.wrap(intent.head);
        _requireCount(head.cosigners(), 0);
        (, address signer) = _open(intent, head);
        _act(intent, head, signer, _nobody());
    }

    /// @inheritdoc IIntents
    function executeJoint(Intent calldata intent, Cosignature[] calldata cosignatures) external {
        Head head = Head.wrap(intent.head);
        _requireCount(head.cosigners(), cosignatures.length);
        (bytes32 digest, address signer) = _open(intent, head);
        address[] memory cosigners = new address[](cosignatures.length);
        for (uint256 i = 0; i < cosignatures.length; ++i) {
            cosigners[i] = _recover(digest, cosignatures[i].r, cosignatures[i].vs);
        }
        _act(intent, head, signer, cosigners);
    }

    // The calls in the loop go to this contract alone, and what they may use is capped; the events after them
    // change no state.
    // slither-disable-start calls-loop,reentrancy-events
    /// @inheritdoc IIntents
    function executeBatch(Intent[] calldata intents, Cosignature[] calldata cosignatures) external {
        uint256 used = 0;
        for (uint256 i = 0; i < intents.length; ++i) {
            Intent calldata intent = intents[i];
            uint256 count = Head.wrap(intent.head).cosigners();
            if (count == 0) {
                if (gasleft() < GAS_NEEDED) revert Intents_InsufficientGas(i);
                try this.execute{gas: INTENT_GAS}(intent) {}
                catch (bytes memory reason) {
                    emit IntentRefused(i, intent.subject, reason);
                }
            } else {
                uint256 end = used + count;
                // An act left without its signatures would be the sender's mistake, not the signer's: so the
                // whole call fails instead of reporting a refusal that says nothing about the act.
                if (end > cosignatures.length) {
                    revert Intents_CosignersMismatch(end, cosignatures.length);
                }
                if (gasleft() < GAS_NEEDED + count * GAS_NEEDED_PER_COSIGNATURE) {
                    revert Intents_InsufficientGas(i);
                }
                try this.executeJoint{gas: INTENT_GAS}(intent, cosignatures[used:end]) {}
                catch (bytes memory reason) {
                    emit IntentRefused(i, intent.subject, reason);
                }
                used = end;
            }
        }
        _requireCount(used, cosignatures.length);
    }

    // slither-disable-end calls-loop,reentrancy-events

    /// @inheritdoc IIntents
    function intentDigest(Intent calldata intent) external view returns (bytes32) {
        return _hashTypedDataV4(_structHash(intent, Head.wrap(intent.head)));
    }

    /// @dev Does the act, whose signatures are good; refuses where its signers are not entitled to it.
    /// Runs for known kinds without unused bits only.
    function _act(Intent calldata intent, Head head, address signer, address[] memory cosigners)
        internal
        virtual;

    /// @dev Hash of the act's own EIP-712 struct; refuses unknown kinds and unused bits.
    function _structHash(Intent calldata intent, Head head) internal pure virtual returns (bytes32);

    function _requireCount(uint256 expected, uint256 given) internal pure {
        if (expected != given) revert Intents_CosignersMismatch(expected, given);
    }

    /// @dev Refuses bits that no field of the kind uses.
    function _requireUnused(uint256 bits) internal pure {
        if (bits != 0) revert Intents_UnusedBits();
    }

    function _requireNoFlag(Head head) internal pure {
        if (head.flag()) revert Intents_UnusedBits();
    }

    function _nobody() private pure returns (address[] memory empty) {}

    function _open(Intent calldata intent, Head head) private view returns (bytes32 digest, address signer) {
        digest = _hashTypedDataV4(_structHash(intent, head));
        if (block.timestamp > head.deadline()) {
            revert Intents_DeadlinePassed(head.deadline(), uint48(block.timestamp));
        }
        signer = _recover(digest, intent.r, intent.vs);
    }

    function _recover(bytes32 digest, bytes32 r, bytes32 vs) private pure returns (address signer) {
        ECDSA.RecoverError problem;
        // The third value only repeats the bad part.
        // slither-disable-next-line unused-return
        (signer, problem,) = ECDSA.tryRecover(digest, r, vs);
        if (problem != ECDSA.RecoverError.NoError) revert Intents_BadSignature();
    }
}
