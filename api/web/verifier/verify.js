// The whole: a file, a trust root and perhaps a node in; a verdict with its checks, or a refusal by name, out.
// It never throws, whatever it is given.
//
//     const answer = await Landbridge.verify({ file, trust, node: null, holder: null, now: null });
//     answer.verdict   // "pass", "fail", or null where there is a refusal and nothing could be judged
"use strict";
(function (lb) {
  const isPdf = (data) => data.length > 4 && String.fromCharCode(...data.subarray(0, 5)) === "%PDF-";

  async function verify(input) {
    const answer = { verdict: null, reasons: [], policy: null, checks: [], refusal: null, bundle: null, told: null };
    try {
      await judged(input, answer);
    } catch (error) {
      answer.refusal = error instanceof lb.Refusal
        ? { code: error.code, reason: error.reason, detail: error.detail }
        : { code: "internal", reason: "", detail: "" };
      answer.verdict = null;
      if (input.onInternal && answer.refusal.code === "internal") input.onInternal(error);
    }
    return answer;
  }

  async function judged({ file, trust: trustFile, node, holder = null, now = null, progress }, answer) {
    const pause = lb.pauses(progress);
    const pdf = isPdf(file);
    const raw = pdf ? await lb.attachment(file) : file;
    const trust = trustFile ? lb.readTrust(trustFile) : null;
    let bundle;
    try {
      bundle = await lb.readBundle(raw, pause);
    } catch (error) {
      if (!(error instanceof lb.Refusal) || !error.code.startsWith("bundle-")) throw error;
      answer.refusal = { code: error.code, reason: error.reason, detail: error.detail };
      conclude(answer, "bill", lb.unreadable("bill"), pdf);
      return;
    }
    const acts = bundle.kind === "bill" ? await lb.actsOf(bundle, pause) : [];
    const seen = await look(bundle, acts, trust, node, pause);
    const seconds = now ?? Math.floor(Date.now() / 1000);
    const checks = await lb.makeChecks(bundle, acts, { trust, seen, holder, now: seconds, pause });
    Object.assign(answer, { bundle, told: seen.told, head: seen.source && seen.source.head, now: seconds });
    answer.source = seen.source ? (seen.source.final ? "sealed" : "node") : null;
    answer.attached = pdf ? raw : null;
    conclude(answer, bundle.kind, checks, pdf);
  }

  function conclude(answer, kind, made, pdf) {
    const checks = pdf ? lb.withPages(made) : made;
    const policy = pdf ? lb.onPaper(lb.policies[kind]) : lb.policies[kind];
    Object.assign(answer, { kind, checks, policy, ...lb.judge(checks, policy) });
  }

  // What the chain says: of the node where one is named, else of the sealed part where the trust root names
  // the validators of the same chain. Nothing of a sealed part is believed unless all of it can be read.
  async function look(bundle, acts, trust, address, pause) {
    const seen = { source: null, broken: false, told: null, anchored: null };
    if (address) {
      const source = await lb.nodeSource(lb.rpcNode(address), bundle.chain, pause);
      return source.fault ? { ...seen, source } : { ...seen, source, ...await ask(bundle, acts, source, pause) };
    }
    const believed = bundle.sealed && trust && trust.validators
      && lb.equal(lb.canonical(bundle.chain), lb.canonical(trust.chain));
    if (!believed) return seen;
    try {
      const source = await lb.sealedSource(bundle, trust, pause);
      return source.fault ? { ...seen, source } : { ...seen, source, ...await ask(bundle, acts, source, pause) };
    } catch (error) {
      if (!(error instanceof lb.Unknown) && !(error instanceof lb.Refusal)) throw error;
      if (error instanceof lb.Refusal && error.code === "stopped") throw error;
      return { ...seen, broken: true };
    }
  }

  async function ask(bundle, acts, source, pause) {
    const anchored = await source.anchored(bundle);
    return { anchored, told: bundle.kind === "bill" ? await lb.lookAtBill(bundle, acts, source, pause) : null };
  }

  Object.assign(lb, { verify });
})((globalThis.Landbridge ??= {}));
