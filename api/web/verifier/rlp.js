// RLP (Yellow Paper, appendix B), read strictly: one spelling for each value, nothing left over.
//
//     const item = Landbridge.rlp(bytes);       // { raw, bytes } of a string, { raw, items } of a list
//     Landbridge.rlpList([item.items[0].raw])   // a list of items that are encoded already
"use strict";
(function (lb) {
  const DEPTH = 16;

  const refuse = () => { throw new lb.Refusal("sealed-malformed", "rlp"); };

  // A header of `kind` (0x80 or 0xc0): where the content begins and ends.
  function span(data, at, kind) {
    const first = data[at] - kind;
    if (first <= 55) return [at + 1, at + 1 + first];
    const width = first - 55, start = at + 1 + width;
    if (start > data.length || data[at + 1] === 0 || width > 4) refuse();
    const length = Number(lb.integer(data.subarray(at + 1, start)));
    if (length <= 55) refuse();
    return [start, start + length];
  }

  function item(data, at, depth) {
    if (at >= data.length || depth > DEPTH) refuse();
    const first = data[at];
    if (first < 0x80) return [{ raw: data.subarray(at, at + 1), bytes: data.subarray(at, at + 1) }, at + 1];
    const list = first >= 0xc0;
    const [start, end] = span(data, at, list ? 0xc0 : 0x80);
    if (end > data.length) refuse();
    const raw = data.subarray(at, end), content = data.subarray(start, end);
    if (!list) {
      if (content.length === 1 && content[0] < 0x80) refuse();
      return [{ raw, bytes: content }, end];
    }
    const items = [];
    for (let place = 0; place < content.length;) {
      const [inner, next] = item(content, place, depth + 1);
      items.push(inner);
      place = next;
    }
    return [{ raw, items }, end];
  }

  function rlp(data) {
    const [whole, end] = item(data, 0, 0);
    if (end !== data.length) refuse();
    return whole;
  }

  // The members of a list; refused where there is none, or not so many.
  function list(one, least = 0, most = Infinity) {
    if (!one || !one.items || one.items.length < least || one.items.length > most) refuse();
    return one.items;
  }

  function string(one, size = null) {
    if (!one || !one.bytes || (size !== null && one.bytes.length !== size)) refuse();
    return one.bytes;
  }

  // A whole number: no leading zeros.
  function number(one, width = 8) {
    const data = string(one);
    if (data.length > width || data[0] === 0) refuse();
    return lb.integer(data);
  }

  function encode(content, kind) {
    if (content.length <= 55) return lb.concat(Uint8Array.of(kind + content.length), content);
    const size = lb.bytes(((text) => text.padStart(text.length + (text.length % 2), "0"))(
      content.length.toString(16)));
    return lb.concat(Uint8Array.of(kind + 55 + size.length), size, content);
  }

  function rlpString(data) {
    return data.length === 1 && data[0] < 0x80 ? data : encode(data, 0x80);
  }

  const rlpList = (raws) => encode(lb.joined(raws), 0xc0);

  // The bytes of a whole number, as keys of the transaction and receipt tries have them.
  function rlpNumber(value) {
    const text = value === 0 ? "" : value.toString(16);
    return rlpString(lb.bytes(text.padStart(text.length + (text.length % 2), "0")));
  }

  Object.assign(rlp, { list, string, number });
  Object.assign(lb, { rlp, rlpString, rlpList, rlpNumber });
})((globalThis.Landbridge ??= {}));
