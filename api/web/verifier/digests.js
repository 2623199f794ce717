// The digest of a document, and one field shown alone (docs/decisions/0004-digests.md).
//
//     await Landbridge.documentDigest({ number: "7" }, seed)
"use strict";
(function (lb) {
  const FORM = "application/json";
  const tag = (text) => lb.utf8(`${text}\0`);
  const DOCUMENT_TAG = tag("landbridge/document/1");
  const FIELD_TAG = tag("landbridge/field/1");
  const SALT_TAG = tag("landbridge/salt/1");

  // Every scalar and every empty container, with its path.
  function fieldsOf(document) {
    const fields = [], waiting = [[[], document]];
    while (waiting.length > 0) {
      const [path, value] = waiting.pop();
      const children = Array.isArray(value) ? value.map((child, index) => [index, child])
        : lb.isObject(value) ? Object.keys(value).map((key) => [key, value[key]]) : [];
      if (children.length === 0) fields.push({ path, value });
      for (const [step, child] of children) waiting.push([[...path, step], child]);
    }
    return fields;
  }

  function entry(pathBytes, valueBytes, salt) {
    const lengths = [lb.word(pathBytes.length, 4), lb.word(valueBytes.length, 4)];
    return lb.leafHash(lb.concat(FIELD_TAG, ...lengths, salt, pathBytes, valueBytes));
  }

  function bind(form, size, root) {
    return lb.sha256(lb.concat(DOCUMENT_TAG, Uint8Array.of(form.length), lb.utf8(form), lb.word(size, 8), root));
  }

  async function documentDigest(document, seed, { form = FORM, pause = async () => {} } = {}) {
    const salt = await lb.hmac(seed), leaves = [];
    const fields = fieldsOf(document).map((field) => ({ ...field, name: lb.canonical(field.path) }));
    fields.sort((left, right) => lb.compare(left.name, right.name));
    for (const { name, value } of fields) {
      leaves.push(await entry(name, lb.canonical(value), await salt(lb.concat(SALT_TAG, name))));
      await pause("document", leaves.length, fields.length);
    }
    return bind(form, leaves.length, await lb.treeRoot(leaves, pause));
  }

  const MEMBERS = ["form", "index", "path", "salt", "siblings", "size", "value"];
  const isNumber = (value) => Number.isSafeInteger(value) && value >= 0;
  const isHash = (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);

  // Whether a proof has the shape of one: a field's value is no container that holds anything.
  function isFieldProof(proof) {
    if (!lb.isObject(proof) || Object.keys(proof).sort().join() !== MEMBERS.join()) return false;
    const { form, index, path, salt, siblings, size, value } = proof;
    const empty = typeof value !== "object" || value === null || Object.keys(value).length === 0;
    return typeof form === "string" && /^[ -~]{1,255}$/.test(form) && isNumber(index) && isNumber(size)
      && Array.isArray(path) && path.every((step) => typeof step === "string" || isNumber(step))
      && isHash(salt) && Array.isArray(siblings) && siblings.every(isHash) && empty;
  }

  // Whether a document with this digest holds this field with this value.
  async function isField(proof, digest) {
    if (!isFieldProof(proof)) return false;
    const leaf = await entry(lb.canonical(proof.path), lb.canonical(proof.value), lb.bytes(proof.salt));
    const root = await lb.rootOfInclusion(leaf, proof.index, proof.size, proof.siblings.map(lb.bytes));
    return root !== null && lb.equal(await bind(proof.form, proof.size, root), digest);
  }

  Object.assign(lb, { documentDigest, isField });
})((globalThis.Landbridge ??= {}));
