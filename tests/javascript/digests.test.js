"use strict";

const test = require("node:test");
const assert = require("node:assert");
const { lb, vectors } = require("./support.js");

const { documents, refused_proofs: refused } = vectors("digests.json");
const read = (text) => lb.parse(lb.utf8(text), { maxBytes: 1 << 20, maxDepth: 64 });
const strict = (value) => read(JSON.stringify(value));

for (const one of documents) {
  test(`digest of ${one.name}`, async () => {
    const document = read(one.text);
    const digest = await lb.documentDigest(document, lb.bytes(one.seed), { form: one.form });
    assert.strictEqual(lb.hex(digest), one.digest);
    const leaves = one.fields.map((field) => lb.bytes(field.leaf));
    assert.strictEqual(lb.hex(await lb.treeRoot(leaves)), one.root);
  });

  test(`fields of ${one.name} shown alone`, async () => {
    for (const proof of one.proofs) assert.ok(await lb.isField(strict(proof), lb.bytes(one.digest)));
    for (const proof of one.proofs) {
      assert.ok(!await lb.isField(strict({ ...proof, size: proof.size + 1 }), lb.bytes(one.digest)));
      assert.ok(!await lb.isField(strict({ ...proof, more: 1 }), lb.bytes(one.digest)));
    }
  });
}

test("every proof that must be refused is", async () => {
  assert.ok(refused.length > 10);
  for (const one of refused) {
    assert.ok(!await lb.isField(strict(one.proof), lb.bytes(one.digest)), one.name);
  }
});
