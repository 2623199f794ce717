// Unpacks zlib data with the browser's own DecompressionStream, and stops once it is more than the caller takes.
//
//     await Landbridge.inflate(data, 1 << 20)   // null where it is damaged; more than asked where it is longer
"use strict";
(function (lb) {
  async function inflate(data, limit) {
    if (typeof DecompressionStream === "undefined") throw new lb.Refusal("no-inflate");
    const reader = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
    const parts = [];
    let size = 0;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        size += value.length;
        parts.push(value);
        if (size > limit) {
          reader.cancel().catch(() => {});
          break;
        }
      }
    } catch {
      return null;
    }
    return lb.joined(parts);
  }

  // Undoes PNG's prediction of bytes (ISO 32000-1, 7.4.4.4), as cross-reference streams use it.
  function unpredicted(data, columns) {
    const width = columns + 1;
    if (columns < 1 || data.length % width !== 0) return null;
    const rows = data.length / width, result = new Uint8Array(rows * columns);
    for (let row = 0; row < rows; row++) {
      const kind = data[row * width];
      if (kind > 4) return null;
      for (let column = 0; column < columns; column++) {
        const place = row * columns + column;
        const left = column > 0 ? result[place - 1] : 0;
        const up = row > 0 ? result[place - columns] : 0;
        const corner = column > 0 && row > 0 ? result[place - columns - 1] : 0;
        const guess = kind === 0 ? 0 : kind === 1 ? left : kind === 2 ? up
          : kind === 3 ? (left + up) >> 1 : paeth(left, up, corner);
        result[place] = data[row * width + 1 + column] + guess;
      }
    }
    return result;
  }

  function paeth(left, up, corner) {
    const a = Math.abs(up - corner), b = Math.abs(left - corner), c = Math.abs(left + up - 2 * corner);
    return a <= b && a <= c ? left : b <= c ? up : corner;
  }

  Object.assign(lb, { inflate, unpredicted });
})((globalThis.Landbridge ??= {}));
