// What the chain says, asked of a node at its newest block.
//
//     const source = await Landbridge.nodeSource(node, bundle.chain);
//     await source.billWord(bill)
//
// Every source has the same members: `head`, `fault` (what is wrong with the chain, or null), `final` (whether
// its blocks are), and the questions below.
"use strict";
(function (lb) {
  const { quantity, small, data, hash, list } = lb.rpcNode;
  const CARRIER = 1, AT_ONCE = 6;

  const selector = (signature) => lb.keccak(lb.utf8(signature)).subarray(0, 4);
  const hexed = (bytes) => `0x${lb.hex(bytes)}`;
  const number = (value) => `0x${value.toString(16)}`;

  function block(answer) {
    return { number: small(answer.number), hash: hash(answer.hash), timestamp: small(answer.timestamp) };
  }

  function log(answer) {
    if (!lb.isObject(answer) || (answer.removed ?? false) !== false) {
      throw new lb.Refusal("node-refused", "", "malformed answer");
    }
    return {
      address: hexed(data(answer.address, 20)),
      topics: list(answer.topics).map((topic) => data(topic, 32)),
      data: data(answer.data),
      block: small(answer.blockNumber),
      transaction: hash(answer.transactionHash),
    };
  }

  // The answer of a contract as 32-byte words, each within its type's width in bits.
  function words(answer, widths) {
    const bytes = data(answer);
    const found = widths.map((_, place) => lb.integer(bytes.subarray(32 * place, 32 * place + 32)));
    const fits = bytes.length === 32 * widths.length && found.every((word, place) =>
      word >> BigInt(widths[place]) === 0n);
    if (!fits) throw new lb.Refusal("contract-answer");
    return found;
  }

  async function each(items, work) {
    const results = new Array(items.length);
    let next = 0;
    const worker = async () => {
      while (next < items.length) {
        const place = next++;
        results[place] = await work(items[place], place);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return results;
  }

  async function nodeSource(node, chain, pause = async () => {}) {
    const blockAt = async (which) => {
      const answer = await node("eth_getBlockByNumber", [which, false]);
      if (answer === null) return null;
      if (!lb.isObject(answer)) throw new lb.Refusal("node-refused", "", "malformed answer");
      return block(answer);
    };
    const genesis = await blockAt("0x0"), head = await blockAt("latest");
    if (genesis === null || head === null) throw new lb.Refusal("node-refused", "", "no blocks");
    const at = number(head.number);

    async function fault() {
      const id = quantity(await node("eth_chainId", []));
      if (id !== BigInt(chain.id) || genesis.hash !== chain.genesis) return "other-chain";
      for (const [name, address] of Object.entries(chain.contracts)) {
        if (!lb.isPublishedCode(name, data(await node("eth_getCode", [address, at])))) return "other-contract";
      }
      return null;
    }

    async function call(name, signature, parts, widths) {
      const to = chain.contracts[name] ?? `0x${"00".repeat(20)}`;
      const message = { to, data: hexed(lb.concat(selector(signature), ...parts)) };
      return words(await node("eth_call", [message, at]), widths);
    }

    // Some nodes tell events of a bounded number of blocks only: what one refuses is asked by halves.
    async function logs(first, last, wanted) {
      try {
        const range = { fromBlock: number(first), toBlock: number(last) };
        return list(await node("eth_getLogs", [{ ...wanted, ...range }])).map(log);
      } catch (error) {
        if (!(error instanceof lb.Refusal) || error.code !== "node-refused" || last - first < 100) throw error;
        const middle = Math.floor((first + last) / 2);
        return [...await logs(first, middle, wanted), ...await logs(middle + 1, last, wanted)];
      }
    }

    async function acted(bundle) {
      const contract = chain.contracts.RailBills ?? `0x${"00".repeat(20)}`, bill = lb.bytes(bundle.bill);
      const first = Math.min(head.number, ...bundle.acts.map((act) => act.block));
      const wanted = { address: [contract], topics: [[`0x${lb.ACTED_TOPIC}`], [bundle.bill]] };
      const found = (await logs(first, head.number, wanted)).map((one) => {
        const event = one.address === contract ? lb.actedEvent(one.topics, one.data, bill) : null;
        if (event === null) throw new lb.Refusal("node-refused", "", "malformed answer");
        return { ...event, block: one.block, transaction: one.transaction };
      });
      const blocks = [...new Set(found.map((one) => one.block))];
      const times = new Map(await each(blocks, async (one, place) => {
        await pause("chain", place, blocks.length);
        const answer = await blockAt(number(one));
        return [one, answer && answer.number === one ? answer.timestamp : -1];
      }));
      return found.map((one) => ({ ...one, time: times.get(one.block) }));
    }

    async function anchored(bundle) {
      const { size, root, block: wanted, transaction } = bundle.head;
      const receipt = await node("eth_getTransactionReceipt", [transaction]);
      if (receipt === null) return false;
      if (!lb.isObject(receipt) || hash(receipt.transactionHash) !== transaction) {
        throw new lb.Refusal("node-refused", "", "malformed answer");
      }
      if (small(receipt.status) !== 1 || small(receipt.blockNumber) !== wanted) return false;
      const found = await blockAt(number(wanted));
      if (found === null || found.hash !== hash(receipt.blockHash)) return false;
      return list(receipt.logs).map(log).some((one) => one.address === chain.contracts.AnchorLog
        && lb.isAnchoredEvent(one.topics, one.data, size, lb.bytes(root)));
    }

    return {
      head,
      final: false,
      fault: await fault(),
      acted,
      anchored,
      billWord: async (bill) => lb.billWord((await call("RailBills", "billWord(bytes32)", [bill], [256]))[0]),
      billOfNote: async (note) =>
        lb.word((await call("RailBills", "billOfNote(bytes32)", [note], [256]))[0]),
      keyOf: async (key) => {
        const parts = [lb.word(BigInt(key))];
        const [party, since, until, custodial] =
          await call("Parties", "keyOf(address)", parts, [32, 48, 48, 1]);
        return {
          party: Number(party), since: Number(since), until: Number(until), custodial: custodial === 1n,
        };
      },
      profileOf: async (party) =>
        lb.word((await call("Parties", "party(uint32)", [lb.word(party)], [48, 32, 16, 1, 256, 256]))[4]),
      wasCarrier: async (party, time) => {
        if (time < 0 || time >= 2 ** 48) return false;
        const parts = [lb.word(party), lb.word(CARRIER), lb.word(time)];
        return (await call("Parties", "hadRoleAt(uint32,uint8,uint48)", parts, [1]))[0] === 1n;
      },
    };
  }

  Object.assign(lb, { nodeSource });
})((globalThis.Landbridge ??= {}));
