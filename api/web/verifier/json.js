// Strict JSON in, canonical bytes out (RFC 8259 within I-JSON, RFC 8785): what two readers could understand
// differently is refused by name. Objects have no prototype, so a key "__proto__" is a key like any other.
//
//     Landbridge.canonical(Landbridge.parse(bytes, { maxBytes: 65536, maxDepth: 8 }))
"use strict";
(function (lb) {
  const LONE = /[\uD800-\uDFFF]/u; // with `u` a whole pair is one character, so this is half of one
  const PLAIN = /[^"\\\u0000-\u001f]*/y;
  const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
  const BLANK = /[ \t\n\r]*/y;
  const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
  const WORDS = [["true", true], ["false", false], ["null", null]];

  const refuse = (code) => { throw new lb.Refusal(code); };

  function decode(data) {
    if (data[0] === 0xef && data[1] === 0xbb && data[2] === 0xbf) refuse("json-not-utf8");
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
    } catch {
      return refuse("json-not-utf8");
    }
  }

  class Reader {
    constructor(text, maxDepth) {
      this.text = text;
      this.at = 0;
      this.maxDepth = maxDepth;
      // What is JSON but cannot be carried is refused only once the whole is known to be JSON.
      this.doubt = null;
    }

    whole() {
      const value = this.value(0);
      this.blank();
      if (this.at < this.text.length) refuse("json-syntax");
      if (this.doubt) refuse(this.doubt);
      return value;
    }

    blank() {
      BLANK.lastIndex = this.at;
      BLANK.test(this.text);
      this.at = BLANK.lastIndex;
    }

    fail() {
      refuse(this.at >= this.text.length ? "json-truncated" : "json-syntax");
    }

    value(depth) {
      this.blank();
      const first = this.text[this.at];
      if (first === "{" || first === "[") {
        if (depth === this.maxDepth) refuse("json-too-deep");
        this.at += 1;
        return first === "{" ? this.object(depth + 1) : this.array(depth + 1);
      }
      if (first === '"') return this.string();
      for (const [word, value] of WORDS) {
        if (this.text.startsWith(word, this.at)) {
          this.at += word.length;
          return value;
        }
      }
      return this.number();
    }

    number() {
      NUMBER.lastIndex = this.at;
      const found = NUMBER.exec(this.text);
      if (!found) this.fail();
      this.at = NUMBER.lastIndex;
      const number = Number(found[0]);
      const long = found[0].length > 17; // no integer in range has more characters
      if (found[1] || found[2] || long || !Number.isSafeInteger(number)) this.doubt ??= "json-number";
      return number + 0; // -0 is 0
    }

    string() {
      let result = "";
      this.at += 1;
      for (;;) {
        PLAIN.lastIndex = this.at;
        result += PLAIN.exec(this.text)[0];
        this.at = PLAIN.lastIndex;
        const next = this.text[this.at];
        if (next === '"') break;
        if (next !== "\\") this.fail();
        const kind = this.text[this.at + 1];
        if (kind === "u") {
          const digits = this.text.substr(this.at + 2, 4);
          if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail();
          result += String.fromCharCode(parseInt(digits, 16));
          this.at += 6;
        } else {
          if (kind === undefined || !lb.own(ESCAPES, kind)) this.fail();
          result += ESCAPES[kind];
          this.at += 2;
        }
      }
      this.at += 1;
      if (LONE.test(result)) this.doubt ??= "json-surrogate";
      return result;
    }

    // What stands between the brackets, one by one.
    members(end, member) {
      this.blank();
      if (this.text[this.at] === end) {
        this.at += 1;
        return;
      }
      for (;;) {
        member();
        this.blank();
        const next = this.text[this.at];
        if (next !== "," && next !== end) this.fail();
        this.at += 1;
        if (next === end) return;
      }
    }

    array(depth) {
      const result = [];
      this.members("]", () => result.push(this.value(depth)));
      return result;
    }

    object(depth) {
      const result = Object.create(null);
      this.members("}", () => {
        this.blank();
        if (this.text[this.at] !== '"') this.fail();
        const key = this.string();
        this.blank();
        if (this.text[this.at] !== ":") this.fail();
        this.at += 1;
        if (lb.own(result, key)) this.doubt ??= "json-duplicate-key";
        result[key] = this.value(depth);
      });
      return result;
    }
  }

  // The value of a JSON text; numbers are whole and within ±(2^53 − 1).
  function parse(data, { maxBytes, maxDepth }) {
    if (data.length > maxBytes) refuse("json-too-large");
    return new Reader(decode(data), maxDepth).whole();
  }

  // RFC 8785: keys sorted by UTF-16 code units, and the spelling of strings and numbers that JSON.stringify has.
  function write(value, parts) {
    if (Array.isArray(value)) {
      parts.push("[");
      value.forEach((item, place) => {
        if (place) parts.push(",");
        write(item, parts);
      });
      parts.push("]");
    } else if (lb.isObject(value)) {
      parts.push("{");
      Object.keys(value).sort().forEach((key, place) => {
        parts.push(place ? "," : "", JSON.stringify(key), ":");
        write(value[key], parts);
      });
      parts.push("}");
    } else {
      parts.push(JSON.stringify(value));
    }
  }

  function canonical(value) {
    const parts = [];
    write(value, parts);
    return lb.utf8(parts.join(""));
  }

  Object.assign(lb, { parse, canonical });
})((globalThis.Landbridge ??= {}));
