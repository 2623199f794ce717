// Draws an answer: the verdict, what the file says, what happened, and every check. Whatever a file holds is
// put in as text, never as markup.
//
//     document.body.append(...Landbridge.show(answer, "en", "bill.json"))
"use strict";
(function (lb) {
  const SIGNS = { pass: "✓", fail: "✗", unknown: "?" };
  const LONGEST = 300;
  const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

  // What a file says, cut where it is too long to be read, without signs that turn the direction of writing.
  function plain(value) {
    const text = String(value).replace(UNSEEN, "�");
    return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  }

  function element(tag, members = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(members)) made.setAttribute(name, value);
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  function moment(seconds) {
    const date = new Date(seconds * 1000);
    if (Number.isNaN(date.getTime())) return plain(seconds);
    return date.toISOString().replace("T", " ").replace(".000Z", " UTC");
  }

  function show(answer, language, fileName) {
    const words = lb.words[language];
    const word = (key, values = {}) => filled(words[key] ?? key, values);
    const badge = (result) => element("span", { class: `badge ${result}` },
      element("span", { class: "sign", "aria-hidden": "true" }, SIGNS[result]), word(`result-${result}`));
    const party = ({ party: number, [language]: name }) =>
      (name ? plain(name) + (language === "zh" ? "，" : ", ") : "") + word("party", { party: number });

    const resultOf = (name) => (answer.checks.find((one) => one.name === name) ?? { result: "unknown" }).result;

    // Checks by name, each with what came of it and a way to where it stands.
    const link = (name) => element("a", { href: `#check-${name}` }, word(`check-${name}`));
    const named = (some, more = "") => element("ul", { class: `reasons ${more}` },
      ...some.map(({ name, result }) => element("li", {}, badge(result), " ", link(name))));

    function verdict() {
      const { refusal, verdict: result, reasons, policy } = answer;
      // A verdict that fails only for what could not be looked at says so, and passes no more for that.
      const open = result === "fail" && !refusal && reasons.every((name) => resultOf(name) === "unknown");
      const kind = open ? "unknown" : result ?? "fail";
      const banner = element("section", { class: `verdict ${kind}`, "aria-labelledby": "verdict" });
      const head = result === null ? "refused" : kind;
      banner.append(element("p", { class: "seal", "aria-hidden": "true" }, SIGNS[kind]));
      const body = element("div", {});
      body.append(element("h2", { id: "verdict" }, word(head)));
      if (refusal) {
        const reason = words[`reason-${refusal.reason}`] ?? refusal.reason;
        body.append(element("p", {}, word(`refusal-${refusal.code}`)));
        const code = [refusal.code, reason, refusal.detail].filter(Boolean).map(plain).join(" · ");
        body.append(element("p", { class: "code" }, code));
      } else if (result === "pass") {
        body.append(element("p", {}, word("pass-more", { count: policy.required.length })));
      } else {
        body.append(element("p", {}, word(`${kind}-more`, { count: reasons.length, all: policy.required.length })));
        body.append(named(reasons.map((name) => ({ name, result: resultOf(name) }))));
      }
      const beside = refusal ? [] : answer.checks.filter(({ name, result: came }) =>
        came !== "pass" && !policy.required.includes(name));
      if (beside.length > 0) body.append(element("p", { class: "beside" }, word("beside")), named(beside, "also"));
      banner.append(body);
      banner.append(circumstances());
      return banner;
    }

    function circumstances() {
      const list = element("ul", { class: "circumstances" });
      list.append(element("li", {}, word("checked-file", { name: plain(fileName) })));
      if (answer.bundle) {
        list.append(element("li", {}, word("checked-at", { time: moment(answer.now) })));
        const block = answer.head ? answer.head.number : null;
        const read = answer.source && (answer.told || answer.kind === "evidence");
        const source = !answer.source ? word("source-none") : read
          ? word(`source-${answer.source}`, { block }) : word("source-fault");
        list.append(element("li", {}, word("checked-chain", { source })));
      }
      return list;
    }

    function value(fact) {
      const { key, value: found } = fact;
      if (key === "state") return word(`state-${found.state}`);
      if (typeof found === "boolean") return word(found ? "yes" : "no");
      if (typeof found === "object") return found.party !== undefined ? party(found) : plain(found[language]);
      return plain(found);
    }

    const basis = (proved) => element("span", { class: `basis ${proved ? "proved" : "claimed"}` },
      word(proved ? "proved" : "claimed"));

    function facts() {
      const found = lb.facts(answer);
      if (found.length === 0) return null;
      const list = element("dl", { class: "facts" });
      for (const fact of found) {
        const long = fact.key === "digest" ? " code" : "";
        list.append(element("div", { class: `fact fact-${fact.key}` },
          element("dt", {}, word(`fact-${fact.key}`)),
          element("dd", { class: `value${long}` }, value(fact), " ", basis(fact.proved))));
      }
      const section = element("section", { class: "card", "aria-labelledby": "facts" },
        element("h2", { id: "facts" }, word("facts-title")), list);
      if (found.some((fact) => !fact.proved)) section.append(element("p", { class: "hint" }, word("claimed-hint")));
      return section;
    }

    function story() {
      const { acts, proved } = lb.story(answer);
      if (acts.length === 0) return null;
      const list = element("ol", { class: "story" });
      // Ten thousand acts would make a page that nobody reads: the first and the last are drawn.
      const drawn = acts.length <= 400 ? acts : [...acts.slice(0, 200), null, ...acts.slice(-200)];
      for (const one of drawn) {
        if (one === null) {
          list.append(element("li", { class: "gap" }, `… ${acts.length - 400} …`));
          continue;
        }
        const who = one.by && one.to ? word("by-to", { by: party(one.by), to: party(one.to) })
          : one.by ? party(one.by) : one.to ? `→ ${party(one.to)}` : "";
        list.append(element("li", {},
          element("span", { class: "act" }, word(`act-${one.act}`)),
          element("span", { class: "who" }, who),
          element("span", { class: "when" }, `${moment(one.time)} · ${word("block")} ${one.block}`)));
      }
      const title = element("h2", { id: "story" }, word("story-title"), " ", basis(proved));
      return element("section", { class: "card", "aria-labelledby": "story" }, title, list);
    }

    function checks() {
      if (answer.checks.length === 0) return null;
      const columns = ["check", "result", "required", "found", "scope", "block"];
      // Roles are named since a narrow screen shows rows as blocks, which are no table to a screen reader.
      const table = element("table", { role: "table" },
        element("caption", { class: "unseen" }, word("checks-title")),
        element("thead", { role: "rowgroup" }, element("tr", { role: "row" },
          ...columns.map((name) => element("th", { scope: "col", role: "columnheader" }, word(name))))));
      const body = element("tbody", { role: "rowgroup" });
      for (const one of answer.checks) {
        const cell = (name, ...children) =>
          element("td", { class: name, "data-label": word(name), role: "cell" }, ...children);
        const required = answer.policy.required.includes(one.name);
        body.append(element("tr", { id: `check-${one.name}`, role: "row" },
          element("th", { scope: "row", role: "rowheader" }, word(`check-${one.name}`), element("code", {}, one.name)),
          cell("result", badge(one.result)),
          cell("required", word(required ? "yes" : "no")),
          cell("found", one[language]),
          cell("scope", word(`scope-${one.scope}`)),
          cell("block", one.block ? String(one.block.number) : "–")));
      }
      table.append(body);
      return element("section", { class: "card checks", "aria-labelledby": "checks" },
        element("h2", { id: "checks" }, word("checks-title")), table);
    }

    return [verdict(), facts(), story(), checks()].filter((part) => part !== null);
  }

  Object.assign(lb, { show, filled, element });
})((globalThis.Landbridge ??= {}));
