// What every part of the verifier shares: bytes, whole numbers, refusals with a name, and pauses.
//
//     Landbridge.hex(Landbridge.bytes("0x00ff"))  // "00ff"
"use strict";
(function (lb) {
  // A refusal has a stable code and, where a code has several causes, a reason; never what the file held.
  class Refusal extends Error {
    constructor(code, reason = "", detail = "") {
      super(reason ? `${code}: ${reason}` : code);
      this.code = code;
      this.reason = reason;
      this.detail = detail; // where it was found, or what a node said
    }
  }

  // What could not be found out: it makes a check unknown, and neither passes nor fails it.
  class Unknown extends Error {}

  const HEX = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));

  function hex(bytes) {
    let text = "";
    for (const byte of bytes) text += HEX[byte];
    return text;
  }

  // Bytes of hexadecimal with or without 0x; the caller has looked at its form.
  function bytes(text) {
    const start = text.startsWith("0x") ? 2 : 0;
    const result = new Uint8Array((text.length - start) / 2);
    const digit = (at) => {
      const code = text.charCodeAt(at);
      return code < 58 ? code - 48 : (code | 32) - 87;
    };
    for (let at = 0; at < result.length; at++) {
      result[at] = digit(start + 2 * at) * 16 + digit(start + 2 * at + 1);
    }
    return result;
  }

  // One run of bytes made of many: `joined` takes a list, which may be a long one.
  const concat = (...parts) => joined(parts);

  function joined(parts) {
    let size = 0;
    for (const part of parts) size += part.length;
    const result = new Uint8Array(size);
    size = 0;
    for (const part of parts) {
      result.set(part, size);
      size += part.length;
    }
    return result;
  }

  function compare(left, right) {
    const shared = Math.min(left.length, right.length);
    for (let at = 0; at < shared; at++) {
      if (left[at] !== right[at]) return left[at] - right[at];
    }
    return left.length - right.length;
  }

  const equal = (left, right) => left.length === right.length && compare(left, right) === 0;

  const encoder = new TextEncoder();
  const utf8 = (text) => encoder.encode(text);

  // Whole numbers as big-endian bytes of a width, and back.
  function word(number, width = 32) {
    return bytes(BigInt(number).toString(16).padStart(2 * width, "0"));
  }

  function integer(data) {
    return data.length === 0 ? 0n : BigInt(`0x${hex(data)}`);
  }

  const own = (object, name) => Object.prototype.hasOwnProperty.call(object, name);
  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

  // Gives the page a turn now and then, and lets a caller tell progress or stop the work by throwing.
  // `setTimeout` alone would wait four milliseconds each time.
  function pauses(tell = () => {}) {
    let last = Date.now();
    const turn = () => new Promise((done) => {
      if (typeof setImmediate === "function") return setImmediate(done);
      const channel = new MessageChannel();
      channel.port1.onmessage = () => { channel.port1.close(); done(); };
      channel.port2.postMessage(0);
    });
    return async (stage, done, all) => {
      if (Date.now() - last < 30) return;
      await turn();
      last = Date.now();
      tell(stage, done, all);
    };
  }

  Object.assign(lb, {
    Refusal, Unknown, hex, bytes, concat, joined, compare, equal, utf8, word, integer, own, isObject, pauses,
  });
})((globalThis.Landbridge ??= {}));
