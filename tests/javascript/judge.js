// Judges the cases that it reads, one JSON object a line, and prints what came of each: for tests that hold
// this verifier against the other one.
"use strict";

const readline = require("node:readline");
const { lb } = require("./support.js");

const bytes = (text) => (text === null ? null : new Uint8Array(Buffer.from(text, "base64")));

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { file, trust, node, holder, now } = JSON.parse(line);
    const internal = [];
    const answer = await lb.verify({
      file: bytes(file), trust: bytes(trust), node, holder, now, onInternal: (error) => internal.push(error.stack),
    });
    process.stdout.write(`${JSON.stringify({
      verdict: answer.verdict,
      refusal: answer.refusal,
      checks: Object.fromEntries(answer.checks.map((one) => [one.name, one.result])),
      reasons: answer.reasons,
      internal,
    })}\n`);
  }
}

main();
