// Reads JSON texts, one in base64 a line, and prints for each its canonical form or the code it is refused with:
// for the test that holds this reader against the one in Python.
"use strict";

const readline = require("node:readline");
const { lb } = require("./support.js");

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let answer;
    try {
      const value = lb.parse(new Uint8Array(Buffer.from(line, "base64")), { maxBytes: 4096, maxDepth: 12 });
      answer = { canonical: lb.hex(lb.canonical(value)) };
    } catch (error) {
      answer = { refused: error instanceof lb.Refusal ? error.code : error.stack };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

main();
