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

const vectors = (name) => JSON.parse(fs.readFileSync(path.join(root, "tests", "vectors", name), "utf8"));

module.exports = { lb: globalThis.Landbridge, folder, root, scripts, vectors };
