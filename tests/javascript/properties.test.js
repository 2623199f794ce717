// Whatever is done to a bundle, it never passes, and nothing is ever thrown that is no refusal by name.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const test = require("node:test");
const assert = require("node:assert");
const { lb, changed, vectors, root } = require("./support.js");

const raw = (name) => new Uint8Array(fs.readFileSync(path.join(root, "tests/vectors/bundles", name)));
const BASES = ["live", "fields", "delivered", "voided", "batch", "evidence"];
const trust = raw("trust.json");
const { now } = vectors("bundles/cases.json").find((one) => one.file === "live.json");

const judged = (file, more = {}) => lb.verify({
  file, trust, now, ...more, onInternal: (error) => { throw error; },
});

async function refused(file) {
  await assert.rejects(lb.readBundle(file), (error) => error instanceof lb.Refusal);
}

async function small(base) {
  return changed(vectors(`bundles/${base}.json`), { drop: [["sealed"]], redigest: true });
}

test("every bit of evidence without its sealed part", async () => {
  const file = await small("evidence");
  await lb.readBundle(file);
  for (let place = 0; place < file.length; place++) {
    for (let bit = 0; bit < 8; bit++) {
      file[place] ^= 1 << bit;
      await refused(file);
      file[place] ^= 1 << bit;
    }
  }
});

test("a bit of every byte of a bill without its sealed part", async () => {
  const file = await small("live");
  await lb.readBundle(file);
  for (let place = 0; place < file.length; place++) {
    const bit = 1 << (place * 5) % 8;
    file[place] ^= bit;
    await refused(file);
    file[place] ^= bit;
  }
});

for (const base of BASES) {
  test(`a bit here and there of ${base}, and where it is cut`, async () => {
    const file = raw(`${base}.json`).slice();
    await lb.readBundle(file);
    for (let place = 0; place < file.length; place += 199) {
      file[place] ^= 1 << place % 8;
      await refused(file);
      file[place] ^= 1 << place % 8;
      await refused(file.subarray(0, place));
    }
    assert.notStrictEqual((await judged(lb.concat(file, lb.utf8(" ")))).verdict, "pass");
  });
}

// The paths of all members, but for those within what is known as a whole.
function* places(value, steps = []) {
  const children = Array.isArray(value) ? value.map((child, at) => [at, child]) : Object.entries(value ?? {});
  for (const [step, child] of typeof value === "object" ? children : []) {
    yield [...steps, step];
    if (!["whole", "content"].includes(step)) yield* places(child, [...steps, step]);
  }
}

// All parts of one bundle of each kind are taken; of the others, which are made alike, one in a few.
const STRIDE = { live: 1, evidence: 1, fields: 4, delivered: 7, voided: 4, batch: 4 };
// Fewer fields may be shown.
const isFieldOfMany = (steps) => steps.length === 3 && steps[0] === "document" && steps[1] === "fields";

const at = (content, steps) => steps.reduce((node, step) => node[step], content);

for (const base of BASES) {
  test(`${base}: without any one part, digested anew`, async () => {
    const content = vectors(`bundles/${base}.json`);
    const all = [...places(content)].filter((_, number) => number % STRIDE[base] === 0);
    for (const steps of all) {
      if (steps[0] === "digest" || isFieldOfMany(steps)) continue;
      const answer = await judged(await changed(content, { drop: [steps], redigest: true }));
      assert.notStrictEqual(answer.verdict, "pass", steps.join("/"));
    }
  });

  test(`${base}: any two neighbours swapped, digested anew`, async () => {
    const content = vectors(`bundles/${base}.json`);
    const lists = [...places(content)].filter((steps) => Array.isArray(at(content, steps)));
    for (const steps of lists.filter((_, number) => number % STRIDE[base] === 0)) {
      const list = at(content, steps);
      for (let place = 1; place < list.length; place++) {
        const set = [[[...steps, place - 1], list[place]], [[...steps, place], list[place - 1]]];
        const doubled = [[[...steps, place], list[place - 1]]];
        // Fields are shown, and parties named, in any order; a field may be shown twice.
        if (steps.at(-1) === "fields" || steps[0] === "profiles") continue;
        for (const change of [set, doubled]) {
          const answer = await judged(await changed(content, { set: change, redigest: true }));
          assert.notStrictEqual(answer.verdict, "pass", `${steps.join("/")} ${place}`);
        }
      }
    }
  });
}

const WRONG = [null, true, -1, 0, 9007199254740991, "", "0x", "\u0000", [], {}, [[]], { "": null }];

test("any part of another type, digested anew", async () => {
  for (const base of ["evidence", "fields"]) {
    const content = vectors(`bundles/${base}.json`);
    const all = [...places(content)].filter(([first]) => first !== "digest");
    for (const [number, steps] of all.entries()) {
      if (number % STRIDE[base] !== 0) continue;
      const value = WRONG[number % WRONG.length], other = WRONG[(number * 5 + 3) % WRONG.length];
      for (const one of [value, other]) {
        if (JSON.stringify(at(content, steps)) === JSON.stringify(one)) continue;
        const answer = await judged(await changed(content, { set: [[steps, one]], redigest: true }));
        assert.notStrictEqual(answer.verdict, "pass", `${steps.join("/")} = ${JSON.stringify(one)}`);
      }
    }
  }
});

const MALFORMED = {
  nothing: "",
  blank: " ",
  "an empty object": "{}",
  "a list": "[]",
  null: "null",
  "another form": '{"bundle":"landbridge/bundle/2"}',
  "a key twice": '{"bundle":"landbridge/bundle/1","bundle":"landbridge/bundle/1"}',
  "a prototype": '{"__proto__":{"bundle":"landbridge/bundle/1"},"bundle":"landbridge/bundle/1"}',
  "names of objects": '{"constructor":1,"hasOwnProperty":1,"toString":1,"valueOf":null}',
  "deep lists": "[".repeat(5_000_000),
  "deep objects": '{"a":'.repeat(1_000_000),
  "half a pair": '{"bundle":"\\ud800"}',
  "half a pair as a key": '{"\\udfff":1}',
  "2^53": '{"a":9007199254740992}',
  "2^53 + 1": '{"a":9007199254740993}',
  "a million digits": `{"a":${"9".repeat(1_000_000)}}`,
  "an exponent": '{"a":1e2}',
  "a fraction": '{"a":1.5}',
  "minus zero": '{"a":-0}',
  "a long string": `{"a":"${"x".repeat(9_000_000)}"}`,
  "many keys": `{${Array.from({ length: 600_000 }, (_, at) => `"${at}":0`).join()}}`,
  "many lists": `[${"[],".repeat(3_000_000)}[]]`,
  "a quotation that does not end": '{"a":"',
  "a reverse solidus at the end": '{"a":"\\',
  "too large": " ".repeat((10 << 20) + 1),
};

for (const [name, text] of Object.entries(MALFORMED)) {
  test(`no bundle: ${name}`, async () => {
    const answer = await judged(lb.utf8(text));
    assert.strictEqual(answer.verdict, "fail");
    assert.match(answer.refusal.code, /^bundle-(malformed|too-large)$/);
    assert.strictEqual(answer.checks[0].result, "fail");
    assert.ok(answer.checks.slice(1).every((one) => one.result === "unknown"));
    const bad = await judged(raw("live.json"), { trust: lb.utf8(text) });
    assert.deepStrictEqual([bad.verdict, bad.refusal.code], [null, "trust-malformed"]);
  });
}

test("no UTF-8, and a byte order mark", async () => {
  for (const file of [Uint8Array.of(0xff, 0xfe), lb.concat(Uint8Array.of(0xef, 0xbb, 0xbf), raw("live.json"))]) {
    const answer = await judged(file);
    assert.deepStrictEqual([answer.verdict, answer.refusal.reason], ["fail", "json-not-utf8"]);
  }
});

test("a required check that is unknown fails the verdict", () => {
  const checks = (result) => [{ name: "a", result: "pass" }, { name: "b", result }];
  const policy = { required: ["a", "b"] };
  assert.deepStrictEqual(lb.judge(checks("pass"), policy), { verdict: "pass", reasons: [] });
  assert.deepStrictEqual(lb.judge(checks("unknown"), policy), { verdict: "fail", reasons: ["b"] });
  assert.deepStrictEqual(lb.judge(checks("fail"), policy), { verdict: "fail", reasons: ["b"] });
  assert.deepStrictEqual(lb.judge([], policy), { verdict: "fail", reasons: ["a", "b"] });
  const twice = [...checks("pass"), { name: "a", result: "fail" }];
  assert.deepStrictEqual(lb.judge(twice, policy), { verdict: "fail", reasons: ["a"] });
});
