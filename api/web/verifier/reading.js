// Reads bundles and trust roots, strictly: a file that is none is refused by name.
//
//     const bundle = await Landbridge.readBundle(bytes);   // throws Refusal("bundle-malformed", reason)
"use strict";
(function (lb) {
  const MAX_BYTES = 10 << 20, DEPTH = 48;

  async function readBundle(data, pause = async () => {}) {
    if (data.length > MAX_BYTES) throw new lb.Refusal("bundle-too-large");
    const refuse = (reason, detail) => { throw new lb.Refusal("bundle-malformed", reason, detail); };
    let content;
    try {
      content = lb.parse(data, { maxBytes: MAX_BYTES, maxDepth: DEPTH });
    } catch (error) {
      refuse(error instanceof lb.Refusal ? error.code : "json");
    }
    await pause("reading", 0, 0);
    if (!lb.equal(lb.canonical(content), data)) refuse("canonical");
    await pause("reading", 0, 0);
    if (!lb.isObject(content) || content.bundle !== "landbridge/bundle/1") refuse("form");
    const { digest, ...rest } = content;
    if (digest !== `0x${lb.hex(await lb.sha256(lb.canonical(rest)))}`) refuse("digest");
    await pause("reading", 0, 0);
    const shape = content.kind === "bill" ? lb.shapes.bill : lb.shapes.evidence;
    const wrong = shape(content);
    if (wrong) refuse("shape", wrong.join("/").slice(0, 200));
    return content;
  }

  function readTrust(data) {
    let content;
    try {
      content = lb.parse(data, { maxBytes: 1 << 16, maxDepth: 8 });
    } catch {
      throw new lb.Refusal("trust-malformed");
    }
    if (lb.shapes.trust(content)) throw new lb.Refusal("trust-malformed");
    return content;
  }

  Object.assign(lb, { readBundle, readTrust });
})((globalThis.Landbridge ??= {}));
