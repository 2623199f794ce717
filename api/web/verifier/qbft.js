// Headers of a QBFT chain, and whether its validators sealed them (docs/proof-bundle.md, "Sealed part").
//
//     const header = Landbridge.header(bytes);
//     Landbridge.isSealed(header, ["0x…", …])
"use strict";
(function (lb) {
  const MIX_HASH = "63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365";
  const EXTRA = 12;
  const FIRST_ROUND = Uint8Array.of(0x80), NO_SEALS = Uint8Array.of(0xc0);

  const address = (item) => `0x${lb.hex(lb.rlp.string(item, 20))}`;

  function header(data) {
    const items = lb.rlp.list(lb.rlp(data), 15, 32);
    const hash = (place) => lb.rlp.string(items[place], 32);
    const [vanity, validators, vote, round, seals] = lb.rlp.list(lb.rlp(lb.rlp.string(items[EXTRA])), 5, 5);
    lb.rlp.number(round, 4);
    const number = lb.rlp.number(items[8]), time = lb.rlp.number(items[11]);
    if (number >= 1n << 53n || time >= 1n << 53n) throw new lb.Refusal("sealed-malformed", "header");
    const withExtra = (parts) => lb.keccak(lb.rlpList(items.map((item, place) =>
      place === EXTRA ? lb.rlpString(lb.rlpList(parts)) : item.raw)));
    const unsealed = [vanity, validators, vote].map((item) => item.raw);
    return {
      number: Number(number),
      timestamp: Number(time),
      stateRoot: hash(3),
      transactionsRoot: hash(4),
      receiptsRoot: hash(5),
      mixHash: lb.hex(hash(13)),
      validators: lb.rlp.list(validators).map(address),
      seals: lb.rlp.list(seals).map((item) => lb.rlp.string(item, 65)),
      // What the validators signed, and what the chain calls the block: the round is no part of that.
      signed: withExtra([...unsealed, round.raw, NO_SEALS]),
      hash: `0x${lb.hex(withExtra([...unsealed, FIRST_ROUND, NO_SEALS]))}`,
    };
  }

  // Who must have validated a block: the last entry that does not begin after it.
  function validatorsAt(entries, number) {
    const found = entries.filter((entry) => entry.from <= number).pop();
    return found ? found.addresses : [];
  }

  function isSealed(one, validators) {
    const expected = new Set(validators);
    if (expected.size === 0 || one.mixHash !== MIX_HASH) return false;
    if (one.validators.length !== expected.size || new Set(one.validators).size !== expected.size) return false;
    if (!one.validators.every((validator) => expected.has(validator))) return false;
    if (one.seals.length > expected.size || 3 * one.seals.length < 2 * expected.size) return false;
    // As the chain itself does, a header with a stranger's seal or a doubled one is refused.
    for (const seal of one.seals) {
      const [r, s] = [lb.integer(seal.subarray(0, 32)), lb.integer(seal.subarray(32, 64))];
      const signer = seal[64] < 2 ? lb.recover(one.signed, r, s, seal[64], { highToo: true }) : null;
      if (!expected.delete(signer)) return false;
    }
    return true;
  }

  Object.assign(lb, { header, validatorsAt, isSealed });
})((globalThis.Landbridge ??= {}));
