"use strict";

const test = require("node:test");
const assert = require("node:assert");
const { lb, vectors } = require("./support.js");

const { intents, domains, keys } = vectors("intents.json");
const bills = intents.filter((one) => one.contract === "RailBills");
const { chainId, verifyingContract } = domains.RailBills;
const domain = lb.billsDomain(chainId, verifyingContract);

function read(one, changes = {}) {
  const { bill, ...message } = one.message;
  return lb.act(one.act, bill, { ...message, ...changes });
}

test("one act of each kind is in the vectors", () => {
  assert.strictEqual(new Set(bills.map((one) => one.act)).size, 12);
});

for (const one of bills) {
  test(`${one.act}: digest and signers`, () => {
    assert.strictEqual(`0x${lb.hex(domain)}`, one.domainSeparator);
    const digest = lb.actDigest(read(one), domain);
    assert.strictEqual(`0x${lb.hex(digest)}`, one.digest);
    const signature = lb.concat(lb.bytes(one.wire.r), lb.bytes(one.wire.vs));
    assert.strictEqual(lb.recoverCompact(digest, signature), keys[one.signer].address.toLowerCase());
    for (const further of one.cosignatures) {
      const { r, vs } = further.wire ?? further;
      const found = lb.recoverCompact(digest, lb.concat(lb.bytes(r), lb.bytes(vs)));
      assert.strictEqual(found, keys[further.signer].address.toLowerCase());
    }
  });

  test(`${one.act}: no other members, types or ranges`, () => {
    for (const change of [
      { more: 1 }, { bill: one.message.bill }, { sequence: -1 }, { sequence: 2 ** 32 }, { sequence: "1" },
      { deadline: 2 ** 48 }, { deadline: 1.5 }, { deadline: null }, { deadline: true },
    ]) {
      assert.strictEqual(read(one, change), null, JSON.stringify(change));
    }
    for (const [name, value] of Object.entries(one.message)) {
      if (name === "bill") continue;
      const { [name]: _gone, bill, ...rest } = one.message;
      assert.strictEqual(lb.act(one.act, bill, rest), null, `without ${name}`);
      for (const other of [null, [], {}, "0x", `0x${"AB".repeat(32)}`, typeof value === "number" ? true : 7]) {
        assert.strictEqual(read(one, { [name]: other }), null, `${name}: ${JSON.stringify(other)}`);
      }
    }
  });
}

test("what is no act", () => {
  for (const name of ["", "issue", "__proto__", "constructor", "toString", "Admit"]) {
    assert.strictEqual(lb.act(name, bills[0].message.bill, bills[0].message), null);
  }
});

test("a signature in another spelling is none", () => {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const one = bills[0], digest = lb.bytes(one.digest);
  const r = lb.integer(lb.bytes(one.wire.r)), vs = lb.integer(lb.bytes(one.wire.vs));
  const parity = Number(vs >> 255n), s = vs & ((1n << 255n) - 1n);
  assert.ok(lb.recover(digest, r, s, parity));
  assert.strictEqual(lb.recover(digest, r, order - s, 1 - parity), null);
  for (const [wrongR, wrongS] of [[0n, s], [r, 0n], [order, s], [r + order, s], [2n ** 256n - 1n, 1n]]) {
    assert.strictEqual(lb.recover(digest, wrongR, wrongS, parity), null);
  }
});
