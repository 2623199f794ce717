// The Merkle tree of RFC 9162 §2.1 over SHA-256: roots, and whether a path leads from a leaf to a root.
//
//     await Landbridge.rootOfInclusion(await Landbridge.leafHash(entry), 0, 1, [])
"use strict";
(function (lb) {
  const leafHash = (entry) => lb.sha256(lb.concat(Uint8Array.of(0), entry));
  const nodeHash = (left, right) => lb.sha256(lb.concat(Uint8Array.of(1), left, right));

  // The root over leaf hashes. A tree splits at the largest power of two below its size, so pairing from the
  // left and carrying an odd last one up gives the same tree.
  async function treeRoot(leaves, pause = async () => {}) {
    if (leaves.length === 0) return lb.sha256(new Uint8Array());
    let level = leaves;
    while (level.length > 1) {
      const above = [];
      for (let at = 0; at + 1 < level.length; at += 2) {
        above.push(await nodeHash(level[at], level[at + 1]));
        await pause("document", 0, 0);
      }
      if (level.length % 2) above.push(level[level.length - 1]);
      level = above;
    }
    return level[0];
  }

  // The root that an inclusion proof leads to (§2.1.3.2); null where it has not the shape of one. Indices go
  // up to 2^53, which is past what bit operators carry: hence the divisions.
  async function rootOfInclusion(leaf, index, size, path) {
    if (!(0 <= index && index < size)) return null;
    let node = index, last = size - 1, current = leaf;
    const half = (number) => Math.floor(number / 2);
    for (const sibling of path) {
      if (last === 0 || sibling.length !== 32) return null;
      if (node % 2 === 1 || node === last) {
        current = await nodeHash(sibling, current);
        while (node % 2 === 0 && node !== 0) {
          node = half(node);
          last = half(last);
        }
      } else {
        current = await nodeHash(current, sibling);
      }
      node = half(node);
      last = half(last);
    }
    return last === 0 ? current : null;
  }

  Object.assign(lb, { leafHash, treeRoot, rootOfInclusion });
})((globalThis.Landbridge ??= {}));
