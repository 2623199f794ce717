// The shapes of bundles and trust roots (docs/proof-bundle.md): members that are missing, unknown or of another
// form are refused, and where it was is said.
//
//     Landbridge.shapes.bundle(value)   // null, or the place that has another shape
"use strict";
(function (lb) {
  // A shape takes a value and gives null, or the steps that lead to what is wrong in it.
  const form = (fits) => (value) => (fits(value) ? null : []);
  const text = (pattern) => form((value) => typeof value === "string" && pattern.test(value));
  const number = (least = 0, limit = 2 ** 53) => form((value) =>
    Number.isSafeInteger(value) && value >= least && value < limit);
  const exactly = (wanted) => form((value) => value === wanted);

  const within = (step, wrong) => (wrong === null ? null : [step, ...wrong]);

  function list(shape, { least = 0, most = Infinity } = {}) {
    return (value) => {
      if (!Array.isArray(value) || value.length < least || value.length > most) return [];
      for (let place = 0; place < value.length; place++) {
        const wrong = within(place, shape(value[place]));
        if (wrong) return wrong;
      }
      return null;
    };
  }

  // Members that may be missing end with a question mark.
  function object(members) {
    const names = Object.keys(members).map((name) => name.replace("?", ""));
    return (value) => {
      if (!lb.isObject(value)) return [];
      const unknown = Object.keys(value).find((name) => !names.includes(name));
      if (unknown !== undefined) return [unknown];
      for (const [name, shape] of Object.entries(members)) {
        const plain = name.replace("?", "");
        if (!lb.own(value, plain)) {
          if (plain === name) return [name];
          continue;
        }
        const wrong = within(plain, shape(value[plain]));
        if (wrong) return wrong;
      }
      return null;
    };
  }

  function map(key, shape, most = Infinity) {
    return (value) => {
      if (!lb.isObject(value) || Object.keys(value).length > most) return [];
      for (const name of Object.keys(value)) {
        const wrong = key(name) ?? shape(value[name]);
        if (wrong) return [name, ...wrong];
      }
      return null;
    };
  }

  const anything = form(lb.isObject);
  const hash = text(/^0x[0-9a-f]{64}$/);
  const seed = text(/^[0-9a-f]{64}$/);
  const address = text(/^0x[0-9a-f]{40}$/);
  const bytes = text(/^0x(?:[0-9a-f]{2})+$/);
  const name = text(/^[A-Z][A-Za-z]{0,39}$/);
  const path = list(hash, { most: 64 });

  const chain = object({ id: number(), genesis: hash, contracts: map(name, address, 16) });
  const ascending = (shape) => (value) => shape(value)
    ?? (value.every((one, place) => place === 0 || value[place - 1] < one) ? null : []);
  const sealed = object({
    headers: list(bytes, { least: 1, most: 10002 }),
    transactions: map(hash, number(), 10001),
    codes: map(name, bytes, 16),
    nodes: ascending(list(bytes)),
  });
  const common = {
    bundle: exactly("landbridge/bundle/1"),
    digest: hash,
    chain,
    head: object({ size: number(), root: hash, block: number(), transaction: hash }),
    deposit: object({ entry: anything, index: number(), path }),
    "sealed?": sealed,
  };
  const whole = object({ whole: anything, seed });
  const fields = object({ fields: list(anything, { least: 1, most: 2000 }) });
  const act = object({
    act: name,
    message: anything,
    signatures: list(text(/^0x[0-9a-f]{128}$/), { most: 8 }),
    block: number(),
    time: number(),
    transaction: hash,
    index: number(),
    path,
  });
  const profile = object({
    party: number(1, 2 ** 32),
    content: map(() => null, form((value) => typeof value === "string")),
    seed,
  });
  const evidence = object({ ...common, kind: exactly("evidence") });
  const bill = object({
    ...common,
    kind: exactly("bill"),
    bill: hash,
    document: (value) => (lb.isObject(value) && lb.own(value, "fields") ? fields : whole)(value),
    acts: list(act, { least: 1, most: 10000 }),
    profiles: list(profile, { most: 1000 }),
  });

  const once = (shape) => (value) => shape(value) ?? (new Set(value).size === value.length ? null : []);
  const era = object({ from: number(), addresses: once(list(address, { least: 1, most: 1000 })) });
  const trust = object({
    trust: exactly("landbridge/trust/1"),
    chain,
    confirmations: (value) => (value === null ? null : number()(value)),
    max_age: number(),
    "validators?": (value) => list(era, { least: 1, most: 1000 })(value)
      ?? (value.every((one, place) => place === 0 || value[place - 1].from < one.from) ? null : []),
  });

  lb.shapes = { bill, evidence, trust };
})((globalThis.Landbridge ??= {}));
