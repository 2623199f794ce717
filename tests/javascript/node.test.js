// What a node may do to the verifier: every answer of another shape is a refusal by name, and never a pass.
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const test = require("node:test");
const assert = require("node:assert");
const { lb, root, vectors } = require("./support.js");

const raw = (name) => new Uint8Array(fs.readFileSync(path.join(root, "tests/vectors/bundles", name)));
const bundle = vectors("bundles/live.json");
const hash = `0x${"11".repeat(32)}`;
const head = { number: "0x64", hash, timestamp: "0x68e00000" };
const genesis = { number: "0x0", hash: bundle.chain.genesis, timestamp: "0x0" };

// A node on this chain whose answers a test can bend.
async function served(bend, work) {
  const server = http.createServer(async (request, response) => {
    let text = "";
    for await (const part of request) text += part;
    const { id, method, params } = JSON.parse(text);
    const codes = Object.fromEntries(Object.entries(bundle.chain.contracts).map(([name, address]) =>
      [address, bundle.sealed.codes[name]]));
    const usual = {
      eth_chainId: () => `0x${bundle.chain.id.toString(16)}`,
      eth_getBlockByNumber: () => (params[0] === "0x0" ? genesis : head),
      eth_getCode: () => codes[params[0]],
      eth_call: () => `0x${"00".repeat(32 * 6)}`,
      eth_getLogs: () => [],
      eth_getTransactionReceipt: () => null,
    };
    const answer = bend({ id, method, params, usual: () => usual[method]() });
    response.writeHead(200, { "content-type": "application/json" });
    response.end(typeof answer === "string" ? answer : JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  try {
    return await work(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const ask = (bend) => served(bend, (node) => lb.verify({
  file: raw("live.json"), trust: raw("trust.json"), node, onInternal: (error) => { throw error; },
}));

const results = (answer) => Object.fromEntries(answer.checks.map((one) => [one.name, one.result]));

test("a node that knows nothing of the bill", async () => {
  const empty = ({ method, params, usual }) => ({
    result: method === "eth_call" && params[0].to === bundle.chain.contracts.RailBills ? `0x${"00".repeat(32)}`
      : method === "eth_call" && params[0].data.startsWith("0x") && params[0].data.length === 74
        ? `0x${"00".repeat(32 * (params[0].data.startsWith(keyOf) ? 4 : 6))}` : usual(),
  });
  const keyOf = `0x${lb.hex(lb.keccak(lb.utf8("keyOf(address)")).subarray(0, 4))}`;
  const answer = await ask(empty);
  assert.strictEqual(answer.refusal, null);
  const found = results(answer);
  for (const name of ["issuer", "issuer-entitled", "signatures", "history", "parties", "anchoring", "state"]) {
    assert.strictEqual(found[name], "fail", name);
  }
  assert.strictEqual(answer.verdict, "fail");
  assert.notStrictEqual(found.finality, "pass"); // the node is asked, and not the sealed part beside it
});

test("another chain, another first block, another contract", async () => {
  for (const [method, result] of [
    ["eth_chainId", "0x1"], ["eth_getBlockByNumber", head], ["eth_getCode", "0x6000"], ["eth_getCode", "0x"],
  ]) {
    const answer = await ask((one) => ({ result: one.method === method ? result : one.usual() }));
    const found = results(answer);
    assert.deepStrictEqual([answer.verdict, found.registry, found.state, found.anchoring],
      ["fail", "fail", "unknown", "unknown"]);
  }
});

const JUNK = [
  null, true, 0, "", "0x", "0x0g", "0x00", "x", [], [1], {}, [null], [{}], "0x01", { number: 1 },
  { ...head, number: "0xffffffffffffffffff" }, { ...head, hash: "0x" }, `0x${"ff".repeat(31)}`,
];

for (const method of [
  "eth_chainId", "eth_getBlockByNumber", "eth_getCode", "eth_call", "eth_getLogs", "eth_getTransactionReceipt",
]) {
  test(`junk in place of an answer to ${method}`, async () => {
    for (const junk of JUNK) {
      const answer = await ask((one) => ({ result: one.method === method ? junk : one.usual() }));
      assert.notStrictEqual(answer.verdict, "pass");
      if (answer.refusal) assert.match(answer.refusal.code, /^(node-refused|contract-answer)$/);
    }
  });
}

test("junk in place of JSON-RPC", async () => {
  for (const text of ["", "{", "[]", "null", "7", '{"id":2,"result":"0x1"}', '{"id":1}',
    '{"__proto__":{"result":1},"id":1}', '{"id":1,"error":{"message":{"a":1}}}', '{"id":1,"error":{"code":-32000,"message":"no"}}']) {
    const answer = await ask(() => text);
    assert.deepStrictEqual([answer.verdict, answer.refusal.code], [null, "node-refused"], text);
  }
});

test("events that are not what was asked for", async () => {
  const log = {
    address: bundle.chain.contracts.RailBills, topics: [`0x${lb.ACTED_TOPIC}`, bundle.bill],
    data: `0x${"00".repeat(96)}`, blockNumber: "0x5", transactionHash: hash, removed: false,
  };
  for (const change of [
    { address: bundle.chain.contracts.Parties }, { topics: [] }, { topics: [hash, bundle.bill] },
    { topics: [`0x${lb.ACTED_TOPIC}`, hash] }, { data: "0x" }, { removed: true }, { data: `0x${"ff".repeat(96)}` },
  ]) {
    const answer = await ask(({ method, usual }) => ({
      result: method === "eth_getLogs" ? [{ ...log, ...change }]
        : method === "eth_call" ? `0x${"00".repeat(32)}` : usual(),
    }));
    assert.strictEqual(answer.verdict, null, JSON.stringify(change));
    assert.match(answer.refusal.code, /^(node-refused|contract-answer)$/);
  }
});

test("a node that tells events of few blocks only is asked again by halves", async () => {
  const ranges = [];
  await ask(({ method, params, usual }) => {
    if (method === "eth_getBlockByNumber" && params[0] === "latest") return { result: { ...head, number: "0x1000" } };
    if (method !== "eth_getLogs") return { result: method === "eth_call" ? `0x${"00".repeat(32)}` : usual() };
    const [first, last] = [params[0].fromBlock, params[0].toBlock].map(Number);
    if (last - first >= 1000) return { error: { code: -32602, message: "ask for at most 1000 blocks" } };
    ranges.push([first, last]);
    return { result: [] };
  });
  const first = Math.min(...bundle.acts.map((act) => act.block));
  assert.strictEqual(ranges[0][0], first);
  assert.strictEqual(ranges.at(-1)[1], 0x1000);
  ranges.slice(1).forEach(([from], at) => assert.strictEqual(from, ranges[at][1] + 1));
});

test("an answer without end, and none at all", async () => {
  const answer = await ask(({ method, usual }) =>
    (method === "eth_getCode" ? `"${"x".repeat(65 << 20)}"` : { result: usual() }));
  assert.deepStrictEqual([answer.verdict, answer.refusal.code], [null, "node-refused"]);
  for (const [node, code] of [
    ["http://127.0.0.1:9", "node-down"], ["ftp://127.0.0.1", "node-address"], ["javascript:1", "node-address"],
    ["http://", "node-address"], ["http://[", "node-down"],
  ]) {
    const found = await lb.verify({ file: raw("live.json"), trust: raw("trust.json"), node });
    assert.deepStrictEqual([found.verdict, found.refusal.code], [null, code]);
  }
});
