// The published contracts as a reader needs them: whether code is theirs, their events, a bill's word.
//
//     Landbridge.isPublishedCode("RailBills", code)
"use strict";
(function (lb) {
  const PUSH1 = 0x60, PUSH32 = 0x7f;

  // Whether code is the published one but for the words that a constructor set: they are pushed whole, and zero
  // in what is published.
  function isPublishedCode(name, code) {
    if (!lb.own(lb.contracts, name)) return false;
    const published = lb.bytes(lb.contracts[name].code);
    if (code.length !== published.length || code.length === 0) return false;
    const kept = code.slice();
    for (let place = 0; place < published.length; place++) {
      const operation = published[place];
      if (operation < PUSH1 || operation > PUSH32) continue;
      const width = operation - PUSH1 + 1;
      if (operation === PUSH32 && published.subarray(place + 1, place + 33).every((byte) => byte === 0)) {
        kept.fill(0, place + 1, place + 33);
      }
      place += width;
    }
    return lb.equal(kept, published);
  }

  const topic = (signature) => lb.hex(lb.keccak(lb.utf8(signature)));
  const ACTED = topic("Acted(bytes32,uint256,uint256,bytes32)");
  const ANCHORED = topic("Anchored(uint64,bytes32)");

  // What an event tells of an act on a bill; null where it is another event, or of another bill.
  // Data: the act (kind 8, deadline 48, first signer's key 160, from the low end), the bill's word, the detail.
  function actedEvent(topics, data, bill) {
    if (topics.length !== 2 || lb.hex(topics[0]) !== ACTED || !lb.equal(topics[1], bill)) return null;
    if (data.length !== 96) return null;
    const act = lb.integer(data.subarray(0, 32));
    return {
      key: `0x${lb.hex(lb.word((act >> 56n) & ((1n << 160n) - 1n), 20))}`,
      word: billWord(lb.integer(data.subarray(32, 64))),
      detail: data.slice(64, 96),
    };
  }

  const isAnchoredEvent = (topics, data, size, root) => topics.length === 1 && lb.hex(topics[0]) === ANCHORED
    && lb.equal(data, lb.concat(lb.word(size), root));

  const STATES = ["none", "issued", "surrendered", "accepted", "delivered", "voided"];

  // A bill's word taken apart (contracts/bills/BillWords.sol).
  function billWord(word) {
    const bits = (offset, width) => Number((word >> BigInt(offset)) & ((1n << BigInt(width)) - 1n));
    if (bits(0, 8) >= STATES.length) throw new lb.Refusal("contract-answer");
    return {
      raw: word,
      state: STATES[bits(0, 8)],
      toOrder: bits(8, 1) === 1,
      sequence: bits(16, 32),
      issuer: bits(48, 32),
      holder: bits(80, 32),
      offeree: bits(112, 32),
      offerExpiry: bits(176, 48),
    };
  }

  Object.assign(lb, { isPublishedCode, actedEvent, isAnchoredEvent, billWord, ACTED_TOPIC: ACTED });
})((globalThis.Landbridge ??= {}));
