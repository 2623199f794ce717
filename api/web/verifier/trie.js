// Merkle Patricia tries (Yellow Paper, appendix D): a value looked up from a root through the nodes shown.
// That there is no value under a key is an answer too, and has to be shown; a node that is missing is none.
//
//     const nodes = Landbridge.trieNodes([bytes, …]);
//     Landbridge.trieGet(nodes, root, key)   // bytes, or null where the trie holds nothing there
"use strict";
(function (lb) {
  const EMPTY = "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";

  const refuse = () => { throw new lb.Refusal("sealed-malformed", "trie"); };

  function trieNodes(list) {
    return new Map(list.map((data) => [lb.hex(lb.keccak(data)), data]));
  }

  function nibbles(key) {
    const path = [];
    for (const byte of key) path.push(byte >> 4, byte & 15);
    return path;
  }

  // A child stands in its parent whole where it is shorter than a hash.
  function opened(nodes, child) {
    if (child.items) return child;
    if (child.bytes.length !== 32) refuse();
    const data = nodes.get(lb.hex(child.bytes));
    if (data === undefined) throw new lb.Unknown("a node of a trie is not shown");
    return lb.rlp(data);
  }

  // The nibbles of a leaf or an extension, and which it is (hex prefix).
  function prefixed(data) {
    const all = nibbles(data);
    if (all.length === 0 || all[0] > 3 || (all[0] % 2 === 0 && all[1] !== 0)) refuse();
    return { path: all.slice(all[0] % 2 === 1 ? 1 : 2), leaf: all[0] > 1 };
  }

  function trieGet(nodes, root, key) {
    if (lb.hex(root) === EMPTY) return null;
    let rest = nibbles(key), node = opened(nodes, { bytes: root });
    for (;;) {
      const items = lb.rlp.list(node);
      if (items.length === 17) {
        if (rest.length === 0) return value(items[16]);
        const child = items[rest[0]];
        rest = rest.slice(1);
        if (child.bytes && child.bytes.length === 0) return null;
        node = opened(nodes, child);
      } else if (items.length === 2) {
        const { path, leaf } = prefixed(lb.rlp.string(items[0]));
        const fits = path.length <= rest.length && path.every((nibble, place) => nibble === rest[place]);
        if (leaf) return fits && path.length === rest.length ? value(items[1]) : null;
        if (path.length === 0) refuse(); // it would lead to itself
        if (!fits) return null;
        rest = rest.slice(path.length);
        node = opened(nodes, items[1]);
      } else {
        refuse();
      }
    }
  }

  function value(item) {
    const data = lb.rlp.string(item);
    return data.length === 0 ? null : data;
  }

  Object.assign(lb, { trieNodes, trieGet });
})((globalThis.Landbridge ??= {}));
