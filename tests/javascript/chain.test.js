// RLP, tries, sealed headers and storage, on a chain made here: a trie is built, a header sealed by test keys.
"use strict";

const test = require("node:test");
const assert = require("node:assert");
const { lb, vectors } = require("./support.js");

const { secp256k1 } = lb.noble;
const refusal = (code) => (error) => error instanceof lb.Refusal && error.code === code;
const bytes = (text) => lb.bytes(text);

test("RLP has one spelling", () => {
  const long = `b838${"61".repeat(56)}`;
  for (const text of ["00", "7f", "80", "820400", long, "c0", "c20102", "c3c0c180"]) {
    assert.strictEqual(lb.hex(lb.rlp(bytes(text)).raw), text);
  }
  for (const text of ["", "8100", "817f", "b801", `b837${"61".repeat(55)}`, "b90001", "83ff", "c1", "c0c0", "0000",
    "c28100", "f800", "ffffffffffffffffff", "bfffffffffffffffff", "b8", "c0".padStart(60, "c1")]) {
    assert.throws(() => lb.rlp(bytes(text)), refusal("sealed-malformed"), text);
  }
  assert.throws(() => lb.rlp(bytes("c1".repeat(20) + "c0")), refusal("sealed-malformed"));
  for (const value of [0, 1, 127, 128, 255, 256, 65536, 2 ** 53 - 1]) {
    assert.strictEqual(Number(lb.rlp.number(lb.rlp(lb.rlpNumber(value)))), value);
  }
  assert.throws(() => lb.rlp.number(lb.rlp(bytes("820001"))), refusal("sealed-malformed"));
  assert.throws(() => lb.rlp.number(lb.rlp(bytes("c0"))), refusal("sealed-malformed"));
});

// A trie over [key, value] pairs: its root and all of its nodes.
function trie(pairs) {
  const nodes = [];
  const hexPrefix = (path, leaf) => {
    const odd = path.length % 2, digits = path.map((nibble) => nibble.toString(16)).join("");
    return bytes(`${(leaf ? 2 : 0) + odd}${odd ? "" : "0"}${digits}`);
  };
  const kept = (raw) => {
    if (raw.length < 32) return raw;
    nodes.push(raw);
    return lb.rlpString(lb.keccak(raw));
  };
  function made(entries) {
    if (entries.length === 1) {
      return lb.rlpList([lb.rlpString(hexPrefix(entries[0][0], true)), lb.rlpString(entries[0][1])]);
    }
    let shared = 0;
    while (entries.every(([path]) => path.length > shared && path[shared] === entries[0][0][shared])) shared += 1;
    if (shared > 0) {
      const rest = entries.map(([path, value]) => [path.slice(shared), value]);
      return lb.rlpList([lb.rlpString(hexPrefix(entries[0][0].slice(0, shared), false)), kept(made(rest))]);
    }
    const branches = Array.from({ length: 16 }, (_, nibble) => {
      const below = entries.filter(([path]) => path[0] === nibble).map(([path, value]) => [path.slice(1), value]);
      return below.length > 0 ? kept(made(below)) : Uint8Array.of(0x80);
    });
    const here = entries.find(([path]) => path.length === 0);
    return lb.rlpList([...branches, here ? lb.rlpString(here[1]) : Uint8Array.of(0x80)]);
  }
  if (pairs.length === 0) return { root: lb.keccak(Uint8Array.of(0x80)), nodes };
  const raw = made(pairs.map(([key, value]) => [[...key].flatMap((byte) => [byte >> 4, byte & 15]), value]));
  nodes.push(raw);
  return { root: lb.keccak(raw), nodes };
}

const keys = (count, width) => Array.from({ length: count }, (_, at) => lb.keccak(lb.word(at)).slice(0, width));

test("a trie gives every value, shows what is absent, and knows nothing of what is not shown", () => {
  for (const [count, width] of [[1, 32], [2, 32], [300, 32], [200, 2]]) {
    const made = keys(count, width).map((key, at) => [lb.hex(key), [key, lb.word(at + 1, 1 + at % 40)]]);
    const pairs = [...new Map(made).values()];
    const { root, nodes } = trie(pairs), all = lb.trieNodes(nodes);
    for (const [key, value] of pairs) assert.deepStrictEqual(lb.trieGet(all, root, key), value);
    for (const key of keys(count + 60, width).slice(count)) {
      if (!pairs.some(([one]) => lb.equal(one, key))) assert.strictEqual(lb.trieGet(all, root, key), null);
    }
    for (let at = 0; at < nodes.length; at += 7) {
      const less = lb.trieNodes(nodes.filter((_, place) => place !== at));
      let missed = 0;
      for (const [key, value] of pairs) {
        try {
          assert.deepStrictEqual(lb.trieGet(less, root, key), value);
        } catch (error) {
          assert.ok(error instanceof lb.Unknown);
          missed += 1;
        }
      }
      assert.ok(missed > 0);
    }
  }
  const empty = trie([]);
  assert.strictEqual(lb.trieGet(new Map(), empty.root, lb.word(1)), null);
});

test("a node that is none", () => {
  const one = (raw) => [lb.trieNodes([raw]), lb.keccak(raw), lb.word(7)];
  for (const items of [[], ["80"], ["80", "01"], ["8140", "01"], ["8110", "01"], ["00", "01"], ["820001", "01"],
    ["2080", "01", "01"], Array(16).fill("80")]) {
    const raw = lb.rlpList(items.map((text) => (text === "80" ? bytes("80") : lb.rlpString(bytes(text)))));
    assert.throws(() => lb.trieGet(...one(raw)), refusal("sealed-malformed"), JSON.stringify(items));
  }
  assert.throws(() => lb.trieGet(...one(bytes("81ff"))), refusal("sealed-malformed"));
});

// A header, sealed by test keys.
const addressOf = (secret) =>
  `0x${lb.hex(lb.keccak(secp256k1.getPublicKey(secret, false).subarray(1)).subarray(12))}`;
const VALIDATORS = ["one", "two", "three", "four"].map((name) => {
  const secret = lb.keccak(lb.utf8(`validator ${name}`));
  return { secret, address: addressOf(secret) };
});
const MIX = "63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365";

function headerOf({ number = 5, time = 1_760_000_000, state = new Uint8Array(32), transactions = state,
  receipts = state, validators = VALIDATORS, sealers = validators, mix = MIX, round = 0,
  vote = Uint8Array.of(0xc0) } = {}) {
  const text = (data) => lb.rlpString(data), none = text(new Uint8Array(32));
  const whole = (extra) => lb.rlpList([
    none, none, text(new Uint8Array(20)), text(state), text(transactions), text(receipts), text(new Uint8Array(256)), lb.rlpNumber(1),
    lb.rlpNumber(number), lb.rlpNumber(30_000_000), lb.rlpNumber(0), lb.rlpNumber(time), text(lb.rlpList(extra)),
    text(bytes(mix)), text(new Uint8Array(8)), lb.rlpNumber(0),
  ]);
  const first = [text(new Uint8Array(32)), lb.rlpList(validators.map((one) => text(bytes(one.address)))), vote,
    lb.rlpNumber(round)];
  const digest = lb.keccak(whole([...first, lb.rlpList([])]));
  const seals = sealers.map(({ secret, high, parity = 0 }) => {
    const signature = secp256k1.sign(digest, secret);
    const s = high ? secp256k1.CURVE.n - signature.s : signature.s;
    const v = (signature.recovery ^ (high ? 1 : 0)) + parity;
    return text(lb.concat(lb.word(signature.r), lb.word(s), Uint8Array.of(v)));
  });
  return whole([...first, lb.rlpList(seals)]);
}

test("who sealed a header", () => {
  const expected = VALIDATORS.map((one) => one.address);
  const sealed = (options, validators = expected) => lb.isSealed(lb.header(headerOf(options)), validators);
  const [one, two, three, four] = VALIDATORS;
  assert.ok(sealed());
  assert.ok(sealed({ sealers: [one, two, three] })); // three of four is two thirds and more
  assert.ok(sealed({ round: 300, vote: bytes("d694" + "11".repeat(20) + "80") }));
  assert.ok(sealed({ sealers: [one, two, { ...three, high: true }] }));
  assert.ok(sealed({}, [...expected].reverse()));
  assert.ok(!sealed({ sealers: [one, two] }));
  assert.ok(!sealed({ sealers: [one, two, two] }));
  assert.ok(!sealed({ sealers: [one, two, three, three] }));
  assert.ok(!sealed({ sealers: [one, two, { ...three, parity: 2 }] }));
  assert.ok(!sealed({ sealers: [...VALIDATORS, one] }));
  assert.ok(!sealed({ sealers: [] }));
  assert.ok(!sealed({ mix: "00".repeat(32) }));
  assert.ok(!sealed({ validators: [one, two, three], sealers: [one, two, three] }));
  assert.ok(!sealed({ validators: [one, two, three, three] }));
  assert.ok(!sealed({ validators: [one, two, three, { ...four, address: `0x${"22".repeat(20)}` }] }));
  assert.ok(!sealed({}, []));
  assert.ok(!sealed({ validators: [], sealers: [] }, []));
  const eras = [{ from: 3, addresses: ["a"] }, { from: 9, addresses: ["b"] }];
  assert.deepStrictEqual([0, 3, 8, 9, 99].map((number) => lb.validatorsAt(eras, number)[0]),
    [undefined, "a", "a", "b", "b"]);
});

test("headers and extra data of Besu", () => {
  const { headers, extra_data: read, refused_extra_data: refused, quorum, mix_hash: mix } = vectors("qbft.json");
  assert.strictEqual(mix.value, `0x${MIX}`);
  for (const one of headers) {
    const header = lb.header(bytes(one.rlp));
    assert.deepStrictEqual([header.number, header.timestamp, header.round], [one.number, one.time, one.round]);
    assert.strictEqual(`0x${lb.hex(header.stateRoot)}`, one.state_root);
    assert.strictEqual(`0x${lb.hex(header.signed)}`, one.sealed_hash);
    assert.deepStrictEqual(header.validators, one.validators);
    assert.ok(lb.isSealed(header, one.validators));
    for (let place = 0; place < one.validators.length; place++) {
      const others = [...one.validators];
      others[place] = `0x${"22".repeat(20)}`;
      assert.ok(!lb.isSealed(header, others));
    }
  }
  for (const one of read) {
    const extra = lb.extraData(bytes(one.rlp));
    assert.deepStrictEqual([extra.validators, extra.round], [one.validators, one.round], one.name);
    assert.deepStrictEqual(extra.seals.map((seal) => `0x${lb.hex(seal)}`), one.seals);
    if (one.without_seals) assert.strictEqual(`0x${lb.hex(extra.signed)}`, one.without_seals);
    if (one.without_seals_and_round) assert.strictEqual(`0x${lb.hex(extra.named)}`, one.without_seals_and_round);
  }
  for (const one of refused) {
    assert.throws(() => lb.extraData(bytes(one.rlp)), refusal("sealed-malformed"), one.name);
  }
  for (const [count, least] of quorum.values) {
    const many = Array.from({ length: count }, (_, at) => {
      const secret = lb.keccak(lb.utf8(`of many ${at}`));
      return { secret, address: addressOf(secret) };
    });
    const sealed = (sealers) =>
      lb.isSealed(lb.header(headerOf({ validators: many, sealers })), many.map((one) => one.address));
    assert.ok(sealed(many.slice(0, least)) && !sealed(many.slice(0, least - 1)), String(count));
  }
});

// A registry whose storage holds what a test says, and the bundle and trust root that show it.
function registry(slots, sent = []) {
  const names = ["Parties", "RailBills", "AnchorLog"], contracts = {}, codes = {}, nodes = [], accounts = [];
  names.forEach((name, at) => {
    contracts[name] = `0x${lb.hex(lb.word(at + 1, 20))}`;
    codes[name] = lb.contracts[name].code;
    const pairs = name === "Parties" ? slots.filter(([, value]) => value !== 0n).map(([slot, value]) => {
      const digits = value.toString(16);
      return [lb.keccak(slot), lb.rlpString(bytes(digits.padStart(digits.length + digits.length % 2, "0")))];
    }) : [];
    const storage = trie(pairs);
    nodes.push(...storage.nodes);
    const hashes = [storage.root, lb.keccak(bytes(codes[name]))].map((one) => lb.rlpString(one));
    const account = [bytes("01"), bytes("80"), ...hashes];
    accounts.push([lb.keccak(bytes(contracts[name])), lb.rlpList(account)]);
  });
  const state = trie(accounts);
  nodes.push(...state.nodes);
  const at = (list) => trie(list.map((data, place) => [lb.rlpNumber(place), data]));
  const transactions = at(sent.map((one) => one.raw)), receipts = at(sent.map((one) => one.receipt));
  nodes.push(...transactions.nodes, ...receipts.nodes);
  const header = headerOf({ state: state.root, transactions: transactions.root, receipts: receipts.root });
  const bundle = { chain: { contracts }, sealed: {
    headers: [`0x${lb.hex(header)}`],
    transactions: Object.fromEntries(sent.map((one, place) => [one.hash, place])), codes,
    nodes: nodes.map((node) => `0x${lb.hex(node)}`),
  } };
  return [bundle, { validators: [{ from: 0, addresses: VALIDATORS.map((one) => one.address) }] }];
}

test("whether a party was a carrier then, from its tenures in storage", async () => {
  const spans = [[100, 200], [200, 300], [400, 500], [600, 0]];
  const keys_ = (slot) => [lb.word(7), lb.word(1)].reduce((at, key) => lb.keccak(lb.concat(key, at)), lb.word(slot));
  const packed = ([from, until]) => BigInt(from) | BigInt(until) << 48n;
  const earlier = keys_(lb.contracts.Parties.storage._earlierTenures.slot);
  for (let count = 0; count <= spans.length; count++) {
    const held = spans.slice(0, count), first = lb.integer(lb.keccak(earlier));
    const source = await lb.sealedSource(...registry([
      [keys_(lb.contracts.Parties.storage._lastTenure.slot), held.length > 0 ? packed(held.at(-1)) : 0n],
      [earlier, BigInt(Math.max(0, count - 1))],
      ...held.slice(0, -1).map((span, at) => [lb.word(first + BigInt(at)), packed(span)]),
      [lb.word(99), 1n],
    ]));
    for (const time of [0, 1, 99, 100, 199, 200, 299, 300, 399, 400, 499, 500, 599, 600, 2 ** 47]) {
      const expected = held.some(([from, until]) => from <= time && (until === 0 || time < until));
      assert.strictEqual(source.wasCarrier(7, time), expected, `${count} spans at ${time}`);
    }
    assert.strictEqual(source.wasCarrier(8, 150), false);
  }
});

test("a key's standing, a party's profile", async () => {
  const key = `0x${"ab".repeat(20)}`, profile = lb.keccak(lb.utf8("profile"));
  const mapped = (name, at) => lb.keccak(lb.concat(at, lb.word(lb.contracts.Parties.storage[name].slot)));
  const party = mapped("_parties", lb.word(3));
  const after = (slot, count) => lb.word(lb.integer(slot) + BigInt(count));
  const source = await lb.sealedSource(...registry([
    [mapped("_keys", lb.word(BigInt(key))), 3n | 1000n << 32n | 2000n << 80n | 1n << 128n],
    [party, 5n], [after(party, 1), lb.integer(profile)], [after(party, 2), 9n],
  ]));
  assert.deepStrictEqual(source.keyOf(key), { party: 3, since: 1000, until: 2000, custodial: true });
  assert.deepStrictEqual(source.keyOf(`0x${"cd".repeat(20)}`), { party: 0, since: 0, until: 0, custodial: false });
  assert.deepStrictEqual(source.profileOf(3), profile);
  assert.strictEqual(source.fault, null);
  const [bundle, trust] = registry([]);
  bundle.sealed.codes.Parties = lb.contracts.RailBills.code;
  await assert.rejects(lb.sealedSource(bundle, trust), refusal("sealed-malformed"));
  delete bundle.sealed.codes.Parties;
  await assert.rejects(lb.sealedSource(bundle, trust), lb.Unknown);
});

// A transaction that left these events, each [contract, topics, data]; of a type where one is given.
function sent(name, logs, { status = 1, type = null } = {}) {
  const raw = lb.utf8(`transaction ${name}`), text = (data) => lb.rlpString(data);
  const receipt = lb.rlpList([
    lb.rlpNumber(status), lb.rlpNumber(21000), text(new Uint8Array(256)),
    lb.rlpList(logs.map(([address, topics, data]) =>
      lb.rlpList([text(bytes(address)), lb.rlpList(topics.map(text)), text(data)]))),
  ]);
  const hash = `0x${lb.hex(lb.keccak(raw))}`;
  return { raw, hash, receipt: type === null ? receipt : lb.concat(Uint8Array.of(type), receipt) };
}

const contract = (number) => `0x${lb.hex(lb.word(number, 20))}`;

test("the events of a bill, and of no other contract, bill or kind", async () => {
  const [ours, bills] = [lb.word(77), contract(2)], acted = bytes(lb.ACTED_TOPIC);
  const data = (sequence) => lb.concat(lb.word(5n << 56n), lb.word(1n | BigInt(sequence) << 16n), lb.word(9));
  const one = sent("one", [
    [contract(9), [acted, ours], data(1)], // another contract speaks of our bill
    [bills, [acted, ours], data(1)],
    [bills, [acted, lb.word(78)], data(7)],
    [bills, [lb.word(1), ours], data(7)],
    [bills, [acted, ours], data(2)],
  ], { type: 2 });
  const two = sent("two", [[bills, [acted, ours], data(3)]]), other = sent("other", []);
  const [bundle, trust] = registry([], [two, other, one]);
  const source = await lb.sealedSource({ ...bundle, acts: [{}, {}, {}] }, trust);
  const act = ({ hash }, block = 5) => ({ block, transaction: hash });
  const events = async (...acts) => (await source.acted({ bill: `0x${lb.hex(ours)}`, acts }))
    .map((event) => [event.word.sequence, event.transaction, event.block, event.time]);
  // In the order of the block, whatever order the acts stand in; a transaction that several name, once.
  assert.deepStrictEqual(await events(act(one), act(one), act(two)), [
    [3, two.hash, 5, 1_760_000_000], [1, one.hash, 5, 1_760_000_000], [2, one.hash, 5, 1_760_000_000],
  ]);
  assert.deepStrictEqual(await events(act(other)), []);
  await assert.rejects(events(act(one, 6)), lb.Unknown);
  await assert.rejects(events({ block: 5, transaction: `0x${"11".repeat(32)}` }), lb.Unknown);
  bundle.sealed.transactions[other.hash] = 0; // where another transaction stands
  const again = await lb.sealedSource({ ...bundle, acts: [] }, trust);
  const asked = { bill: `0x${lb.hex(ours)}`, acts: [act(other)] };
  await assert.rejects(again.acted(asked), refusal("sealed-malformed"));
});

test("an anchor is the log's own event, of this head, in a transaction that succeeded", async () => {
  const topic = lb.keccak(lb.utf8("Anchored(uint64,bytes32)")), root = lb.keccak(lb.utf8("root"));
  const data = (size, hash) => lb.concat(lb.word(size), hash), good = data(7, root);
  for (const [logs, expected, options] of [
    [[[contract(3), [topic], good]], true],
    [[[contract(2), [topic], good], [contract(3), [topic], good]], true],
    [[[contract(3), [topic], good]], true, { type: 1 }],
    [[[contract(3), [topic], good]], false, { status: 0 }],
    [[[contract(2), [topic], good]], false],
    [[[contract(3), [topic, topic], good]], false],
    [[[contract(3), [], good]], false],
    [[[contract(3), [root], good]], false],
    [[[contract(3), [topic], data(8, root)]], false],
    [[[contract(3), [topic], data(7, topic)]], false],
    [[[contract(3), [topic], lb.concat(good, Uint8Array.of(0))]], false],
    [[], false],
  ]) {
    const one = sent("anchor", logs, options), [bundle, trust] = registry([], [one]);
    const source = await lb.sealedSource(bundle, trust);
    const head = { size: 7, root: `0x${lb.hex(root)}`, block: 5, transaction: one.hash };
    assert.strictEqual(source.anchored({ head }), expected);
    assert.throws(() => source.anchored({ head: { ...head, block: 4 } }), lb.Unknown);
  }
});

test("published code, but for the words that a constructor set", () => {
  for (const [name, { code }] of Object.entries(lb.contracts)) {
    const published = bytes(code), place = code.indexOf(`7f${"00".repeat(32)}`) / 2;
    assert.ok(lb.isPublishedCode(name, published));
    if (place > 0) {
      const set = published.slice();
      set.fill(7, place, place + 32);
      assert.ok(lb.isPublishedCode(name, set));
    }
    for (const at of [0, 100, published.length - 1]) {
      const other = published.slice();
      other[at] ^= 1;
      assert.ok(!lb.isPublishedCode(name, other));
    }
    assert.ok(!lb.isPublishedCode(name, published.subarray(1)) && !lb.isPublishedCode(name, new Uint8Array()));
  }
  assert.ok(!lb.isPublishedCode("Another", new Uint8Array()) && !lb.isPublishedCode("__proto__", new Uint8Array()));
});
