// What a bundle tells of its bill or evidence, for a person to read, and how far each of it was shown to be so.
//
//     Landbridge.facts(answer)   // [{ key: "number", value: "LB-…", basis: ["integrity", …], proved: true }, …]
//
// `basis` names the checks that a fact rests on; where one of them did not pass, it is only what the file says.
"use strict";
(function (lb) {
  // A member of the document at a path, where the bundle shows it.
  function shown(document, path) {
    let value = null;
    if (document.whole) {
      value = document.whole;
      for (const step of path) value = lb.isObject(value) && lb.own(value, step) ? value[step] : null;
    }
    for (const field of document.fields ?? []) {
      const { path: steps } = field;
      const same = Array.isArray(steps) && steps.length === path.length
        && path.every((step, at) => step === steps[at]);
      if (same) value = field.value;
    }
    return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
  }

  // A party's name as its profile says it, in both languages.
  function namesOf(bundle) {
    const names = new Map();
    for (const { party, content } of bundle.profiles ?? []) {
      names.set(party, { party, en: content.name ?? "", zh: content.name_zh ?? content.name ?? "" });
    }
    return (party) => names.get(party) ?? { party, en: "", zh: "" };
  }

  function billFacts({ bundle, told }) {
    const of = (...path) => shown(bundle.document, path), name = namesOf(bundle);
    const facts = [];
    const add = (key, value, basis) => {
      if (value !== null && value !== "") facts.push({ key, value, basis });
    };
    add("state", told && { state: told.word.state }, ["history", "registry"]);
    add("holder", told && told.word.holder !== 0 ? name(told.word.holder) : null, ["registry", "parties"]);
    if (told && told.word.offeree !== 0) add("offeree", name(told.word.offeree), ["registry", "parties"]);
    // That the document leads to the bill's digest shows something only of a bill that the trusted chain knows.
    const document = ["integrity", "history", "registry"];
    add("number", of("bill", "number"), document);
    const issuer = told ? told.issuer : of("issuer", "party");
    add("issuer", typeof issuer === "number" && issuer > 0 ? name(issuer) : null, ["issuer", "registry", "parties"]);
    add("issued-on", of("bill", "issued_on"), document);
    add("to-order", of("bill", "to_order"), document);
    add("note", note(of), document);
    add("from", place(of, "departure"), document);
    add("destination", place(of, "destination"), document);
    add("digest", bundle.bill, ["history", "registry"]);
    return facts;
  }

  function note(of) {
    const parts = ["regime", "railway", "station", "number", "date"].map((member) => of("note", member));
    return parts.filter((part) => part !== null).join(" · ");
  }

  function place(of, which) {
    const [en, zh] = ["en", "zh"].map((language) => of("consignment", which, "name", language));
    return en === null && zh === null ? null : { en: String(en ?? zh), zh: String(zh ?? en) };
  }

  function evidenceFacts({ bundle }) {
    const { entry, index } = bundle.deposit, facts = [], basis = ["inclusion", "anchoring", "registry"];
    for (const [key, value] of [["type", entry.type], ["party", entry.party], ["digest", entry.digest]]) {
      if (typeof value === "string" || typeof value === "number") facts.push({ key, value, basis });
    }
    facts.push({ key: "place", value: index, basis });
    return facts;
  }

  function facts(answer) {
    const { bundle, checks } = answer;
    if (!bundle) return [];
    const passed = new Set(checks.filter((one) => one.result === "pass").map((one) => one.name));
    const found = bundle.kind === "bill" ? billFacts(answer) : evidenceFacts(answer);
    found.push({ key: "chain", value: bundle.chain.id, basis: ["registry", "anchoring"] });
    found.push({ key: "anchored", value: bundle.head.block, basis: ["registry", "anchoring"] });
    return found.map((one) => ({ ...one, proved: one.basis.every((name) => passed.has(name)) }));
  }

  // What happened, in order: each act with its time, whose it was, and to whom.
  function story(answer) {
    const { bundle, told, checks } = answer;
    if (!bundle || bundle.kind !== "bill") return { acts: [], proved: false };
    const name = namesOf(bundle);
    const passed = (wanted) => checks.some((one) => one.name === wanted && one.result === "pass");
    const acts = bundle.acts.map((part, at) => {
      const to = part.message.to ?? part.message.holder;
      const event = told && told.complete ? told.events[at] : null;
      return {
        act: part.act, time: part.time, block: part.block, transaction: part.transaction,
        by: event ? name(told.keys.get(event.key).party) : null,
        to: typeof to === "number" ? name(to) : null,
      };
    });
    return { acts, proved: ["history", "signatures", "registry"].every(passed) };
  }

  Object.assign(lb, { facts, story });
})((globalThis.Landbridge ??= {}));
