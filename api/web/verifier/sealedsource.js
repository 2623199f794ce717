// What the chain says, read from a bundle's sealed part: headers that the trusted validators signed, and what
// hangs under them. Nothing is asked of anybody. What is not shown is `Unknown`, what is malformed a refusal.
//
//     const source = await Landbridge.sealedSource(bundle, trust);
//     await source.billWord(bill)
"use strict";
(function (lb) {
  const CARRIER = 1n;

  const refuse = (reason) => { throw new lb.Refusal("sealed-malformed", reason); };

  // Storage as Solidity lays it out: where a mapping keeps the value of a key, and a value's bits in its slot.
  const mapped = (key, slot) => lb.keccak(lb.concat(key, slot));
  const after = (slot, count) => lb.word((lb.integer(slot) + BigInt(count)) & ((1n << 256n) - 1n));
  const place = (name, label) => lb.contracts[name].storage[label];
  const bits = (word, { offset, bits: width }) => (word >> BigInt(offset)) & ((1n << BigInt(width)) - 1n);

  function receipt(data) {
    const plain = data[0] < 0x80 ? data.subarray(1) : data;
    const [status, , , logs] = lb.rlp.list(lb.rlp(plain), 4, 4);
    return {
      succeeded: lb.hex(lb.rlp.string(status)) === "01",
      logs: lb.rlp.list(logs).map((item) => {
        const [address, topics, content] = lb.rlp.list(item, 3, 3);
        return {
          address: `0x${lb.hex(lb.rlp.string(address, 20))}`,
          topics: lb.rlp.list(topics).map((topic) => lb.rlp.string(topic, 32)),
          data: lb.rlp.string(content),
        };
      }),
    };
  }

  async function sealedSource(bundle, trust, pause = async () => {}) {
    const { sealed, chain } = bundle;
    const most = (bundle.acts ? bundle.acts.length : 0) + 2;
    if (sealed.headers.length > most) refuse("headers");
    const headers = sealed.headers.map((data) => lb.header(lb.bytes(data)));
    for (const [at, header] of headers.entries()) {
      if (at > 0 && headers[at - 1].number >= header.number) refuse("headers");
      if (!lb.isSealed(header, lb.validatorsAt(trust.validators, header.number))) refuse("seals");
      await pause("chain", at, headers.length);
    }
    const byNumber = new Map(headers.map((header) => [header.number, header]));
    const state = headers[headers.length - 1];
    const nodes = lb.trieNodes(sealed.nodes.map(lb.bytes));

    const accounts = new Map();
    function account(name) {
      if (!accounts.has(name)) {
        const address = chain.contracts[name];
        if (address === undefined) throw new lb.Unknown(name);
        const found = lb.trieGet(nodes, state.stateRoot, lb.keccak(lb.bytes(address)));
        if (found === null) refuse("account");
        const [, , storage, code] = lb.rlp.list(lb.rlp(found), 4, 4);
        accounts.set(name, { storage: lb.rlp.string(storage, 32), code: lb.rlp.string(code, 32) });
      }
      return accounts.get(name);
    }

    function slot(name, key) {
      const found = lb.trieGet(nodes, account(name).storage, lb.keccak(key));
      return found === null ? 0n : lb.rlp.number(lb.rlp(found), 32);
    }

    // The word of a mapping's value, or the one that is `member`'s.
    function under(name, label, keys, member = null) {
      const variable = place(name, label);
      const start = keys.reduce((at, key) => mapped(key, at), lb.word(variable.slot));
      return slot(name, after(start, member === null ? 0 : variable.members[member].slot));
    }

    const member = (name, label, which, word) => bits(word, place(name, label).members[which]);

    function fault() {
      for (const name of Object.keys(chain.contracts)) {
        const code = lb.own(sealed.codes, name) ? lb.bytes(sealed.codes[name]) : null;
        if (code === null) throw new lb.Unknown("code");
        if (!lb.equal(lb.keccak(code), account(name).code)) refuse("code");
        if (!lb.isPublishedCode(name, code)) return "other-contract";
      }
      return null;
    }

    const receipts = new Map();
    // What became of a transaction in a block: it stands where the bundle says, or nothing is known of it.
    function receiptOf(number, transaction) {
      const name = `${number}/${transaction}`;
      if (!receipts.has(name)) {
        const header = byNumber.get(number);
        if (!header || !lb.own(sealed.transactions, transaction)) throw new lb.Unknown("transaction");
        const position = sealed.transactions[transaction], key = lb.rlpNumber(position);
        const raw = lb.trieGet(nodes, header.transactionsRoot, key);
        if (raw === null || `0x${lb.hex(lb.keccak(raw))}` !== transaction) refuse("transaction");
        const data = lb.trieGet(nodes, header.receiptsRoot, key);
        if (data === null) refuse("receipt");
        receipts.set(name, { header, position, ...receipt(data) });
      }
      return receipts.get(name);
    }

    // Events of all transactions that the acts name. A bill's word counts its acts, so none is left out unseen.
    async function acted(one) {
      const bill = lb.bytes(one.bill), contract = chain.contracts.RailBills, found = new Map();
      for (const [at, act] of one.acts.entries()) {
        await pause("chain", at, one.acts.length);
        const name = `${act.block}/${act.transaction}`;
        if (!found.has(name)) found.set(name, { ...receiptOf(act.block, act.transaction), act });
      }
      const inOrder = [...found.values()].sort((left, right) =>
        left.header.number - right.header.number || left.position - right.position);
      return inOrder.flatMap(({ header, logs, act }) => logs
        .filter((log) => log.address === contract)
        .map((log) => lb.actedEvent(log.topics, log.data, bill))
        .filter((event) => event !== null)
        .map((event) => (
          { ...event, block: header.number, time: header.timestamp, transaction: act.transaction })));
    }

    function anchored(one) {
      const { size, root, block, transaction } = one.head;
      const { succeeded, logs } = receiptOf(block, transaction);
      return succeeded && logs.some((log) => log.address === chain.contracts.AnchorLog
        && lb.isAnchoredEvent(log.topics, log.data, size, lb.bytes(root)));
    }

    function wasCarrier(party, time) {
      const keys = [lb.word(party), lb.word(CARRIER)];
      const span = (word, label) => ["from", "until"].map((which) =>
        Number(member("Parties", label, which, word)));
      let [from, until] = span(under("Parties", "_lastTenure", keys), "_lastTenure");
      if (from > time) {
        const start = keys.reduce((at, key) => mapped(key, at), lb.word(place("Parties", "_earlierTenures").slot));
        const count = Number(slot("Parties", start));
        for (let at = count - 1; from > time; at--) {
          if (at < 0) return false;
          [from, until] = span(slot("Parties", after(lb.keccak(start), at)), "_earlierTenures");
        }
      }
      return from !== 0 && (until === 0 || time < until);
    }

    return {
      head: { number: state.number, hash: state.hash, timestamp: state.timestamp },
      final: true,
      fault: fault(),
      acted,
      anchored,
      billWord: (bill) => lb.billWord(under("RailBills", "_words", [bill])),
      // A note that voiding freed still names its bill here; whether that is live, its word says.
      billOfNote: (note) => lb.word(under("RailBills", "_billOfNote", [note])),
      keyOf: (key) => {
        const word = under("Parties", "_keys", [lb.word(BigInt(key))]);
        const of = (which) => Number(member("Parties", "_keys", which, word));
        return { party: of("party"), since: of("since"), until: of("until"), custodial: of("custodial") !== 0 };
      },
      // A node would be asked for the whole of a party's standing, so the whole has to be shown.
      profileOf: (party) => {
        const [, profile] = ["admitted", "profile", "rulebook"].map((which) =>
          under("Parties", "_parties", [lb.word(party)], which));
        return lb.word(profile);
      },
      wasCarrier,
    };
  }

  Object.assign(lb, { sealedSource });
})((globalThis.Landbridge ??= {}));
