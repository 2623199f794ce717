// The values of a PDF file read from its bytes (ISO 32000-1, 7.3): numbers, names, strings, arrays,
// dictionaries, references. Dictionaries are Maps; a name is { name }, a reference { ref, generation }.
//
//     new Landbridge.PdfValues(bytes, at).value()
"use strict";
(function (lb) {
  const DEPTH = 64;
  const BLANKS = new Set([0, 9, 10, 12, 13, 32]);
  const DELIMITERS = new Set([..."()<>[]{}/%"].map((sign) => sign.charCodeAt(0)));
  const ESCAPED = { n: 10, r: 13, t: 9, b: 8, f: 12 };

  const broken = () => { throw new lb.Refusal("paper-malformed"); };

  class PdfValues {
    constructor(data, at = 0, end = data.length) {
      Object.assign(this, { data, at, end });
    }

    get next() {
      return this.at < this.end ? this.data[this.at] : -1;
    }

    // Blanks and comments.
    skip() {
      for (;;) {
        if (BLANKS.has(this.next)) this.at += 1;
        else if (this.next === 0x25) while (this.next !== -1 && this.next !== 10 && this.next !== 13) this.at += 1;
        else return;
      }
    }

    // The regular characters up to the next blank or delimiter.
    word() {
      const start = this.at;
      while (this.next !== -1 && !BLANKS.has(this.next) && !DELIMITERS.has(this.next)) {
        this.at += 1;
        if (this.at - start > 200) broken();
      }
      return String.fromCharCode(...this.data.subarray(start, this.at));
    }

    keyword(wanted) {
      this.skip();
      const before = this.at;
      if (this.word() === wanted) return true;
      this.at = before;
      return false;
    }

    whole() {
      this.skip();
      const text = this.word();
      if (!/^[0-9]{1,10}$/.test(text)) broken();
      return Number(text);
    }

    value(depth = 0) {
      if (depth > DEPTH) broken();
      this.skip();
      const sign = String.fromCharCode(this.next < 0 ? 0 : this.next);
      if (sign === "/") return this.name();
      if (sign === "(") return this.text();
      if (sign === "[") return this.array(depth);
      if (sign === "<") return this.data[this.at + 1] === 0x3c ? this.dictionary(depth) : this.hexadecimal();
      const word = this.word();
      if (word === "true" || word === "false") return word === "true";
      if (word === "null") return null;
      if (!/^[+-]?(?:[0-9]{1,15}\.?[0-9]{0,15}|\.[0-9]{1,15})$/.test(word)) broken();
      return /^[0-9]+$/.test(word) ? this.reference(Number(word)) : Number(word);
    }

    reference(number) {
      const before = this.at;
      this.skip();
      const generation = this.word();
      if (/^[0-9]{1,5}$/.test(generation) && this.keyword("R")) {
        return { ref: number, generation: Number(generation) };
      }
      this.at = before;
      return number;
    }

    name() {
      this.at += 1;
      const text = this.word();
      return { name: text.replace(/#([0-9a-fA-F]{2})/g, (_, digits) => String.fromCharCode(parseInt(digits, 16))) };
    }

    array(depth) {
      const result = [];
      this.at += 1;
      for (;;) {
        this.skip();
        if (this.next === 0x5d) break;
        result.push(this.value(depth + 1));
      }
      this.at += 1;
      return result;
    }

    dictionary(depth) {
      const result = new Map();
      this.at += 2;
      for (;;) {
        this.skip();
        if (this.next === 0x3e && this.data[this.at + 1] === 0x3e) break;
        if (this.next !== 0x2f) broken();
        const { name } = this.name();
        if (result.has(name)) broken();
        result.set(name, this.value(depth + 1));
      }
      this.at += 2;
      return result;
    }

    hexadecimal() {
      const digits = [];
      this.at += 1;
      while (this.next !== 0x3e) {
        if (this.next === -1) broken();
        const sign = String.fromCharCode(this.next);
        if (/[0-9a-fA-F]/.test(sign)) digits.push(sign);
        else if (!BLANKS.has(this.next)) broken();
        this.at += 1;
      }
      this.at += 1;
      if (digits.length % 2) digits.push("0");
      return lb.bytes(digits.join(""));
    }

    text() {
      const result = [];
      let open = 0;
      for (;;) {
        const byte = this.next;
        this.at += 1;
        if (byte === -1) broken();
        if (byte === 0x5c) {
          this.escape(result);
          continue;
        }
        if (byte === 0x28) open += 1;
        if (byte === 0x29) open -= 1;
        if (open === 0) break;
        if (byte === 0x0d) {
          if (this.next === 10) this.at += 1;
          result.push(10);
        } else if (byte !== 0x28 || open > 1) {
          result.push(byte);
        }
      }
      return Uint8Array.from(result);
    }

    escape(result) {
      const sign = String.fromCharCode(this.next < 0 ? 0 : this.next);
      if (/[0-7]/.test(sign)) {
        let code = 0;
        for (let digit = 0; digit < 3 && this.next >= 0x30 && this.next <= 0x37; digit++) {
          code = code * 8 + this.next - 0x30;
          this.at += 1;
        }
        result.push(code & 255);
        return;
      }
      this.at += 1;
      if (sign === "\r" && this.next === 10) this.at += 1;
      if (sign !== "\r" && sign !== "\n") result.push(ESCAPED[sign] ?? sign.charCodeAt(0));
    }
  }

  lb.PdfValues = PdfValues;
})((globalThis.Landbridge ??= {}));
