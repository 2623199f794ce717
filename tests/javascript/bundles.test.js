// The shared vectors of bundles (tests/vectors/bundles): the same answer, check by check, in every case.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const test = require("node:test");
const assert = require("node:assert");
const { lb, changed, vectors, root } = require("./support.js");

const cases = vectors("bundles/cases.json");
const raw = (name) => new Uint8Array(fs.readFileSync(path.join(root, "tests/vectors/bundles", name)));

test("there are cases of every kind", () => {
  assert.ok(cases.length > 200);
  assert.ok(cases.some((one) => one.refused) && cases.some((one) => one.file));
});

for (const one of cases) {
  test(one.name, async () => {
    const file = one.file ? raw(one.file) : await changed(vectors(`bundles/${one.base}`), one);
    const answer = await lb.verify({
      file, trust: one.trust ? raw(one.trust) : null, holder: one.holder ?? null, now: one.now,
      onInternal: (error) => { throw error; },
    });
    if (one.refused) {
      assert.strictEqual(answer.refusal?.code, one.refused);
      assert.notStrictEqual(answer.verdict, "pass");
    } else {
      assert.strictEqual(answer.refusal, null);
      const found = Object.fromEntries(answer.checks.map((check) => [check.name, check.result]));
      assert.deepStrictEqual(found, one.result);
    }
  });
}
