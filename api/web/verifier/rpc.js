// A node's JSON-RPC over HTTP: one call, its answer strictly read. What a node answers is believed in nothing:
// an error or another shape is a refusal with a name.
//
//     const node = Landbridge.rpcNode("http://127.0.0.1:8545");
//     Landbridge.quantity(await node("eth_chainId", []))   // 20777n
"use strict";
(function (lb) {
  const SECONDS = 20, MAX_BYTES = 64 << 20;

  const refuse = (detail) => { throw new lb.Refusal("node-refused", "", String(detail).slice(0, 200)); };

  async function read(response) {
    const reader = response.body.getReader(), parts = [];
    let size = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (size > MAX_BYTES) {
        await reader.cancel();
        refuse("the answer is too long");
      }
      parts.push(value);
    }
    return new TextDecoder().decode(lb.joined(parts));
  }

  async function post(url, body) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), SECONDS * 1000);
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        // Nothing of this browser goes along, and nobody may send the question elsewhere.
        credentials: "omit", referrerPolicy: "no-referrer", redirect: "error", cache: "no-store",
        signal: stop.signal,
      });
      return await read(response);
    } catch (error) {
      if (error instanceof lb.Refusal) throw error;
      throw new lb.Refusal(stop.signal.aborted ? "node-hung" : "node-down");
    } finally {
      clearTimeout(timer);
    }
  }

  function rpcNode(url) {
    if (!/^https?:\/\/./i.test(url)) throw new lb.Refusal("node-address");
    return async (method, params) => {
      const text = await post(url, { jsonrpc: "2.0", id: 1, method, params });
      let answer;
      try {
        answer = JSON.parse(text);
      } catch {
        refuse("no JSON");
      }
      if (!lb.isObject(answer) || answer.id !== 1) refuse("malformed answer");
      if (lb.isObject(answer.error)) refuse(answer.error.message);
      if (!lb.own(answer, "result")) refuse("malformed answer");
      return answer.result;
    };
  }

  function quantity(value) {
    if (typeof value !== "string" || !/^0x(?:0|[1-9a-fA-F][0-9a-fA-F]{0,63})$/.test(value)) {
      refuse("malformed answer");
    }
    return BigInt(value);
  }

  // A quantity that counts blocks, seconds or places.
  function small(value) {
    const number = quantity(value);
    if (number >= 1n << 53n) refuse("malformed answer");
    return Number(number);
  }

  function data(value, size = null) {
    if (typeof value !== "string" || !/^0x(?:[0-9a-fA-F]{2})*$/.test(value)) refuse("malformed answer");
    const result = lb.bytes(value);
    if (size !== null && result.length !== size) refuse("malformed answer");
    return result;
  }

  const hash = (value) => `0x${lb.hex(data(value, 32))}`;
  const list = (value) => (Array.isArray(value) ? value : refuse("malformed answer"));

  Object.assign(rpcNode, { quantity, small, data, hash, list });
  lb.rpcNode = rpcNode;
})((globalThis.Landbridge ??= {}));
