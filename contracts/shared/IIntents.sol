// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice An act as it travels: five words of calldata, signed by whose act it is.
/// @param subject What the act is about: a bill, a party. Its meaning is the contract's.
/// @param head Packed, from the low end: kind (8 bits), cosigners (7), flag (1), sequence (32), deadline
/// (48, seconds of Unix time, the last second in which the act may execute), argument (160). What stands
/// in flag and argument is the kind's; unused bits must be zero. The number of cosigners alone is not
/// signed: it only says how many signatures of a batch belong to the act.
/// @param detail One further word whose meaning is the kind's; zero where the kind has none.
/// @param r First half of the signature of the EIP-712 digest of the act's own struct.
/// @param vs Second half, with the recovery bit on top (EIP-2098); high-s is refused.
struct Intent {
    bytes32 subject;
    uint256 head;
    bytes32 detail;
    bytes32 r;
    bytes32 vs;
}

/// @notice A further signature over the same digest (EIP-2098 form).
struct Cosignature {
    bytes32 r;
    bytes32 vs;
}

/// @title Acts signed by whose act they are, taken from any sender
/// @notice The sender pays and decides nothing: no act can be altered on its way, and none can be
/// withheld by one gateway, for any account may send it.
interface IIntents {
    /// @notice An act of a batch was refused; its neighbours stand.
    /// @param position The act's place in the batch, from zero.
    /// @param subject What the act was about.
    /// @param reason The revert data, ABI-encoded as the error that a call alone would have met; empty
    /// where the act used up its gas.
    event IntentRefused(uint256 indexed position, bytes32 indexed subject, bytes reason);

    /// @notice The deadline has passed.
    error Intents_DeadlinePassed(uint48 deadline, uint48 time);
    /// @notice The signature is malformed, or high-s.
    error Intents_BadSignature();
    /// @notice No act has this kind here.
    error Intents_UnknownKind(uint8 kind);
    /// @notice The number of signatures is not what the head says or the kind needs.
    error Intents_CosignersMismatch(uint256 expected, uint256 given);
    /// @notice The sender left too little gas to give every act its cap; nothing was executed.
    error Intents_InsufficientGas(uint256 position);
    /// @notice Bits that the kind does not use are set.
    error Intents_UnusedBits();

    /// @notice Gas that each act of a batch may use.
    function INTENT_GAS() external view returns (uint256);

    /// @notice Executes one act; reverts with the reason if it may not.
    function execute(Intent calldata intent) external;

    /// @notice Executes one act that several sign.
    function executeJoint(Intent calldata intent, Cosignature[] calldata cosignatures) external;

    /// @notice Executes many acts, each under its own gas cap; one that fails is reported by
    /// `IntentRefused` and spares its neighbours.
    /// @param intents The acts, in order.
    /// @param cosignatures The further signatures of all acts, in order: each act takes as many as its
    /// head says.
    function executeBatch(Intent[] calldata intents, Cosignature[] calldata cosignatures) external;

    /// @notice The EIP-712 digest that the act's signers sign.
    function intentDigest(Intent calldata intent) external view returns (bytes32);
}
