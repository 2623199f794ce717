// Headers of a QBFT chain, and whether its validators sealed them (docs/proof-bundle.md, "Sealed part").
//
//     const header = Landbridge.header(bytes);
//     Landbridge.isSealed(header, ["0x…", …])
"use strict";
(function (lb) {
  const MIX_HASH = "63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365";
  const EXTRA = 12, MAX_BYTES = 1 << 17;
  const FIRST_ROUND = Uint8Array.of(0x80), NO_SEALS = Uint8Array.of(0xc0);

  const address = (item) => `0x${lb.hex(lb.rlp.string(item, 20))}`;
  const refuse = () => { throw new lb.Refusal("sealed-malformed", "header"); };

  // What QBFT keeps in a header's extra data; the vote as it came, but for its shape: [], or whom and which way.
  function extraData(data) {
    const [vanity, validators, vote, round, seals] = lb.rlp.list(lb.rlp(data), 5, 5);
    lb.rlp.string(vanity, 32);
    if (lb.rlp.list(vote).length > 0) {
      const [whom, which] = lb.rlp.list(vote, 2, 2);
      lb.rlp.string(whom, 20);
      if (!["", "ff"].includes(lb.hex(lb.rlp.string(which)))) refuse();
    }
    const kept = [vanity, validators, vote].map((item) => item.raw);
    return {
      validators: lb.rlp.list(validators).map(address),
      round: Number(lb.rlp.number(round, 4)),
      seals: lb.rlp.list(seals).map((item) => lb.rlp.string(item, 65)),
      signed: lb.rlpList([...kept, round.raw, NO_SEALS]),
      named: lb.rlpList([...kept, FIRST_ROUND, NO_SEALS]),
    };
  }

  function header(data) {
    if (data.length > MAX_BYTES) refuse();
    const items = lb.rlp.list(lb.rlp(data), 15);
    items.forEach((item) => lb.rlp.string(item));
    const hash = (place) => lb.rlp.string(items[place], 32);
    const number = lb.rlp.number(items[8]), time = lb.rlp.number(items[11]);
    if (number >= 1n << 53n || time >= 1n << 53n) refuse();
    const extra = extraData(items[EXTRA].bytes);
    const withExtra = (bytes) => lb.keccak(lb.rlpList(items.map((item, place) =>
      (place === EXTRA ? lb.rlpString(bytes) : item.raw))));
    return {
      number: Number(number),
      timestamp: Number(time),
      stateRoot: hash(3),
      transactionsRoot: hash(4),
      receiptsRoot: hash(5),
      mixHash: lb.hex(hash(13)),
      validators: extra.validators,
      round: extra.round,
      seals: extra.seals,
      // What the validators signed, and what the chain calls the block: the round is no part of that.
      signed: withExtra(extra.signed),
      hash: `0x${lb.hex(withExtra(extra.named))}`,
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

  Object.assign(lb, { extraData, header, validatorsAt, isSealed });
})((globalThis.Landbridge ??= {}));
