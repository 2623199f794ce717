// Loads the verifier as its page does: the scripts of index.html in their order, but for the page itself.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const root = path.join(__dirname, "..", "..");
const folder = path.join(root, "api", "web", "verifier");

function scripts() {
  const html = fs.readFileSync(path.join(folder, "index.html"), "utf8");
  return [...html.matchAll(/<script src="([^"]+)"/g)].map((found) => found[1]);
}

for (const name of scripts()) {
  if (name === "page.js") continue;
  vm.runInThisContext(fs.readFileSync(path.join(folder, name), "utf8"), { filename: name });
}

// A bundle with changes: of `drop` each path is taken out, then of `set` each [path, value] is put in, then the
// digest is made anew where asked.
async function changed(content, { drop = [], set = [], redigest = false }) {
  const lb = globalThis.Landbridge, copy = structuredClone(content);
  const parent = (steps) => steps.slice(0, -1).reduce((node, step) => node[step], copy);
  for (const steps of drop) {
    const node = parent(steps), last = steps.at(-1);
    if (Array.isArray(node)) node.splice(last, 1);
    else delete node[last];
  }
  for (const [steps, value] of set) parent(steps)[steps.at(-1)] = value;
  if (redigest) {
    const { digest: _old, ...rest } = copy;
    copy.digest = `0x${lb.hex(await lb.sha256(lb.canonical(rest)))}`;
  }
  return lb.canonical(copy);
}

const vectors = (name) => JSON.parse(fs.readFileSync(path.join(root, "tests", "vectors", name), "utf8"));

module.exports = { lb: globalThis.Landbridge, changed, folder, root, scripts, vectors };
