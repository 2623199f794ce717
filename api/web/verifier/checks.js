// The checks of a bundle by name, and the verdict that the policy draws from them (docs/proof-bundle.md).
// A required check that failed or is unknown fails the verdict: what could not be looked at never passes.
//
//     Landbridge.judge(checks, policy)   // { verdict: "fail", reasons: ["state"] }
"use strict";
(function (lb) {
  const BILL = [
    "bundle", "registry", "integrity", "issuer", "issuer-entitled", "key-custody", "signatures", "history",
    "parties", "inclusion", "anchoring", "state", "finality", "freshness",
  ];
  const EVIDENCE = ["bundle", "registry", "inclusion", "anchoring", "finality", "freshness"];
  const NOT_REQUIRED = ["key-custody", "finality"];
  const AHEAD_SECONDS = 300;
  const { said } = lb;

  const policies = {
    bill: { name: "landbridge/bundle/1", required: BILL.filter((name) => !NOT_REQUIRED.includes(name)) },
    evidence: { name: "landbridge/evidence/1", required: EVIDENCE.filter((name) => !NOT_REQUIRED.includes(name)) },
  };
  // Of a PDF its pages must be shown to be the bundle's too, and that cannot be done here.
  const onPaper = (policy) => ({ name: "landbridge/paper/1", required: [...policy.required, "pages"] });

  const SCOPES = { bundle: "document", integrity: "document", inclusion: "document", pages: "document",
    registry: "registry" };

  // `result` is true, false, or null for unknown.
  function check(name, result, texts, evidence = {}, block = null) {
    const word = result === null ? "unknown" : result ? "pass" : "fail";
    const sentence = texts.en ? texts : texts[word];
    return { name, result: word, ...sentence, scope: SCOPES[name] ?? "chain", evidence, block };
  }

  function judge(checks, policy) {
    const passed = new Set(checks.filter((one) => one.result === "pass").map((one) => one.name));
    const spoiled = new Set(checks.filter((one) => one.result !== "pass").map((one) => one.name));
    const reasons = policy.required.filter((name) => !passed.has(name) || spoiled.has(name));
    return { verdict: reasons.length === 0 ? "pass" : "fail", reasons };
  }

  // What is said of a file that is no bundle: nothing else is looked at.
  function unreadable(kind) {
    return (kind === "evidence" ? EVIDENCE : BILL).map((name) => name === "bundle"
      ? check(name, false, said.bundle.unreadable) : check(name, null, said.unmade));
  }

  // `seen` is what was read of the chain: { source, broken, told, anchored }, each null where it was not.
  async function makeChecks(bundle, acts, { trust, seen, holder, now, pause }) {
    const source = seen.source, block = source ? { number: source.head.number, hash: source.head.hash } : null;
    const asked = source !== null && source.fault === null;
    const made = {
      bundle: check("bundle", acts.every((act) => act !== null), said.bundle, { digest: bundle.digest }),
      registry: registry(bundle, trust, seen, block),
      inclusion: await inclusion(bundle, acts, pause),
      anchoring: check("anchoring", seen.anchored, said.anchoring, { ...bundle.head }, block),
      finality: finality(bundle, trust, asked ? source : null, block),
      freshness: freshness(trust, asked ? source.head.timestamp : null, now, block),
    };
    if (bundle.kind === "bill") {
      made.integrity = await integrity(bundle, pause);
      for (const one of ofTheChain(bundle, seen.told, holder, asked ? block : null)) made[one.name] = one;
    }
    return (bundle.kind === "bill" ? BILL : EVIDENCE).map((name) => made[name]);
  }

  const same = (left, right) => lb.equal(lb.canonical(left), lb.canonical(right));

  function registry(bundle, trust, seen, block) {
    const evidence = { ...bundle.chain };
    const of = (result, texts) => check("registry", result, texts, evidence, block);
    if (trust !== null && !same(bundle.chain, trust.chain)) return of(false, said.registry.fail);
    if (seen.broken) return of(false, said.registry.sealed);
    if (seen.source && seen.source.fault) return of(false, said.registry[seen.source.fault]);
    return trust === null ? of(null, said.registry.unknown) : of(true, said.registry.pass);
  }

  async function inclusion(bundle, acts, pause) {
    const shown = bundle.kind === "bill"
      ? bundle.acts.map((part, at) => ({ ...part, entry: acts[at] && acts[at].entry }))
        .filter((part) => part.entry !== null) : [];
    const root = lb.bytes(bundle.head.root), wrong = [], all = [bundle.deposit, ...shown];
    for (const [at, one] of all.entries()) {
      await pause("inclusion", at, all.length);
      const leaf = await lb.leafHash(lb.canonical(one.entry));
      const found = await lb.rootOfInclusion(leaf, one.index, bundle.head.size, one.path.map(lb.bytes));
      if (found === null || !lb.equal(found, root)) wrong.push(one.index);
    }
    const evidence = { size: bundle.head.size, root: bundle.head.root, wrong };
    return check("inclusion", wrong.length === 0, said.inclusion, evidence);
  }

  function finality(bundle, trust, source, block) {
    if (source && source.final) return check("finality", true, said.finality.sealed, {}, block);
    const asked = trust === null ? null : trust.confirmations;
    const depth = source ? source.head.number - bundle.head.block + 1 : null;
    if (asked === null || depth === null) {
      return check("finality", null, said.finality.unknown, { depth, asked }, block);
    }
    const sentence = said.finality.depth(depth, asked);
    return check("finality", depth >= asked ? true : null, sentence, { depth, asked }, block);
  }

  function freshness(trust, time, now, block) {
    const of = (result, texts, evidence = {}) => check("freshness", result, texts, evidence, block);
    if (trust === null || time === null) return of(null, said.freshness.unknown);
    const age = now - time;
    if (age < -AHEAD_SECONDS) return of(null, said.freshness.ahead, { age });
    return of(age <= trust.max_age, said.freshness.age(Math.max(age, 0)), { age });
  }

  async function integrity(bundle, pause) {
    const digest = lb.bytes(bundle.bill), { document, deposit } = bundle;
    let intact;
    if (document.fields) {
      intact = true;
      for (const field of document.fields) intact = intact && await lb.isField(field, digest);
    } else {
      const found = await lb.documentDigest(document.whole, lb.bytes(document.seed), { pause });
      intact = lb.equal(found, digest);
    }
    const deposited = deposit.entry.kind === "document" && deposit.entry.digest === bundle.bill;
    const evidence = { bill: bundle.bill, whole: !document.fields };
    return check("integrity", intact && deposited, said.integrity, evidence);
  }

  // The party that the document names as its issuer; null where it shows none.
  function issuerNamed({ whole, fields }) {
    let party = null;
    if (whole) party = lb.isObject(whole.issuer) ? whole.issuer.party : null;
    for (const { path, value } of fields ?? []) {
      if (Array.isArray(path) && path.length === 2 && path[0] === "issuer" && path[1] === "party") party = value;
    }
    return typeof party === "number" ? party : null;
  }

  function ofTheChain(bundle, told, holder, block) {
    const names = ["issuer", "issuer-entitled", "key-custody", "signatures", "history", "parties", "state"];
    if (told === null) return names.map((name) => check(name, null, said.unread, {}, block));
    const { word, events, keys } = told, named = issuerNamed(bundle.document);
    const custodial = [...new Set(events.map((event) => event.key).filter((key) => keys.get(key).custodial))].sort();
    const concerned = new Set(events.flatMap((event) =>
      [event.word.issuer, event.word.holder, event.word.offeree]).filter((party) => party !== 0));
    const shown = new Set(bundle.profiles.map((profile) => profile.party));
    const allNamed = [...concerned].every((party) => shown.has(party));
    const live = word.state === "issued", held = holder === null || word.holder === holder;
    const state = !live ? said.state.ended(word.state) : !told.noteIsOurs ? said.state.note
      : !held ? said.state.holder : said.state.live;
    const of = (name, result, texts, evidence = {}) => check(name, result, texts, evidence, block);
    return [
      of("issuer", named === null ? null : named === word.issuer && word.issuer === told.issuer,
        said.issuer(told.issuer), { issuer: word.issuer, named }),
      of("issuer-entitled", told.entitled, said["issuer-entitled"],
        { at: events.length > 0 ? events[0].time : null }),
      of("key-custody", custodial.length === 0, said["key-custody"], { custodial }),
      of("signatures", told.signed, said.signatures),
      of("history", told.complete, said.history, { shown: bundle.acts.length, sequence: word.sequence }),
      of("parties", !told.named ? false : allNamed ? true : null, said.parties, { parties: [...shown] }),
      of("state", live && told.noteIsOurs && held, state,
        { state: word.state, holder: word.holder, expected: holder }),
    ];
  }

  const withPages = ([first, ...others]) => [first, check("pages", null, said.pages), ...others];

  Object.assign(lb, { judge, makeChecks, unreadable, withPages, policies, onPaper });
})((globalThis.Landbridge ??= {}));
