// The file attached to a PDF: found whichever way its objects are kept, and refused by name where there is not one.
"use strict";

const zlib = require("node:zlib");
const test = require("node:test");
const assert = require("node:assert");
const { lb } = require("./support.js");

const CONTENT = Buffer.from('{"bundle":"landbridge/bundle/1"}');
const NAME = "landbridge-bundle.json";

const stream = (dictionary, data) => Buffer.concat([
  Buffer.from(`<< ${dictionary} /Length ${data.length} >>\nstream\n`), data, Buffer.from("\nendstream"),
]);
const attached = (data = CONTENT, more = "/Subtype /application#2Fjson") =>
  stream(`/Type /EmbeddedFile ${more} /Filter /FlateDecode`, zlib.deflateSync(data));
const spec = (name = NAME, number = 5) =>
  `<< /Type /Filespec /F (${name}) /UF (${name}) /EF << /F ${number} 0 R /UF ${number} 0 R >> >>`;

// By number: catalogue, pages, page, file specification, attached file.
function objects(changes = {}) {
  return {
    1: `<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles << /Names [(${NAME}) 4 0 R] >> >> /AF [4 0 R] >>`,
    2: "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    3: "<< /Type /Page /Parent 2 0 R >>",
    4: spec(),
    5: attached(),
    ...changes,
  };
}

// The body of a file, and where each object begins.
function body(all) {
  const parts = [Buffer.from("%PDF-1.7\n%\xe2\xe3\n", "latin1")], offsets = {};
  let at = parts[0].length;
  for (const [number, content] of Object.entries(all)) {
    const part = Buffer.concat([Buffer.from(`${number} 0 obj\n`), Buffer.from(content), Buffer.from("\nendobj\n")]);
    offsets[number] = at;
    at += part.length;
    parts.push(part);
  }
  return { data: Buffer.concat(parts), offsets, at };
}

function withTable(all, trailer = "") {
  const { data, offsets, at } = body(all);
  let table = `xref\n0 1\n0000000000 65535 f \n`;
  for (const number of Object.keys(offsets)) {
    table += `${number} 1\n${String(offsets[number]).padStart(10, "0")} 00000 n \n`;
  }
  table += `trailer\n<< /Root 1 0 R /Size 99 ${trailer} >>\nstartxref\n${at}\n%%EOF\n`;
  return new Uint8Array(Buffer.concat([data, Buffer.from(table)]));
}

// All but streams go into an object stream, and the places into a cross-reference stream.
function withStreams(all, { predictor = 12 } = {}) {
  const packed = Object.entries(all).filter(([, content]) => typeof content === "string");
  const loose = Object.fromEntries(Object.entries(all).filter(([, content]) => typeof content !== "string"));
  let head = "", tail = "";
  for (const [number, content] of packed) {
    head += `${number} ${tail.length} `;
    tail += `${content} `;
  }
  loose[20] = stream(`/Type /ObjStm /N ${packed.length} /First ${head.length} /Filter /FlateDecode`,
    zlib.deflateSync(Buffer.from(head + tail)));
  const { data, offsets, at } = body(loose);
  const rows = [];
  for (let number = 0; number < 22; number++) {
    const place = packed.findIndex(([one]) => Number(one) === number);
    const where = number === 21 ? at : offsets[number];
    rows.push(place >= 0 ? [2, 0, 20, place] : where === undefined ? [0, 0, 0, 0] : [1, where >> 8, where & 255, 0]);
  }
  const lines = rows.map((row, at_) => (predictor === 1 ? row
    : [2, ...row.map((byte, column) => (byte - (at_ ? rows[at_ - 1][column] : 0)) & 255)]));
  const params = predictor === 1 ? "" : `/DecodeParms << /Predictor ${predictor} /Columns 4 >>`;
  const xref = stream(`/Type /XRef /Size 22 /W [1 2 1] /Root 1 0 R /Filter /FlateDecode ${params}`,
    zlib.deflateSync(Buffer.from(lines.flat())));
  return new Uint8Array(Buffer.concat([
    data, Buffer.from("21 0 obj\n"), xref, Buffer.from(`\nendobj\nstartxref\n${at}\n%%EOF\n`),
  ]));
}

const found = async (file) => Buffer.from(await lb.attachment(file));
const refuses = (file, code) => assert.rejects(lb.attachment(file), (error) => {
  assert.ok(error instanceof lb.Refusal, error.stack);
  return code === undefined || assert.strictEqual(error.code, code) === undefined;
});

test("a table, a stream of places, streams of objects", async () => {
  for (const file of [withTable(objects()), withStreams(objects()), withStreams(objects(), { predictor: 1 })]) {
    assert.deepStrictEqual(await found(file), CONTENT);
  }
});

test("plain streams, lengths of their own, names in other spellings, trees of names", async () => {
  const plain = stream("/Subtype /application#2fjson", CONTENT);
  const indirect = Buffer.concat([
    Buffer.from("<< /Subtype /application#2Fjson /Length 6 0 R >>\nstream\r\n"), CONTENT, Buffer.from("\r\nendstream"),
  ]);
  const wide = `<FEFF${[...NAME].map((sign) => sign.charCodeAt(0).toString(16).padStart(4, "0")).join("")}>`;
  for (const changes of [
    { 5: plain },
    { 5: indirect, 6: String(CONTENT.length) },
    { 4: `<</Type/Filespec/F(landbridge\\055bundle.json)/UF ${wide} /EF<</F 5 0 R>>>>` },
    {
      1: "<< /Type /Catalog /Pages 2 0 R /Names 7 0 R >>",
      7: "<< /EmbeddedFiles 8 0 R >>",
      8: "<< /Kids [9 0 R] >>",
      9: `<< /Limits [(a) (z)] /Names [(${NAME}) 4 0 R] >>`,
    },
  ]) {
    assert.deepStrictEqual(await found(withTable(objects(changes))), CONTENT);
    assert.deepStrictEqual(await found(withStreams(objects(changes))), CONTENT);
  }
});

test("what was added later counts", async () => {
  const first = Buffer.from(withTable(objects()));
  const start = Number(/startxref\n(\d+)/.exec(first.toString("latin1"))[1]);
  const later = Buffer.from("newer"), at = first.length;
  const update = Buffer.concat([Buffer.from("5 0 obj\n"), attached(later), Buffer.from("\nendobj\n")]);
  const file = (prev) => new Uint8Array(Buffer.concat([first, update, Buffer.from(
    `xref\n5 1\n${String(at).padStart(10, "0")} 00000 n \ntrailer\n<< /Root 1 0 R /Size 9 /Prev ${prev} >>\n`
    + `startxref\n${at + update.length}\n%%EOF\n`)]));
  assert.deepStrictEqual(await found(file(start)), later);
  await refuses(file(at + update.length), "paper-malformed"); // it comes back to itself
  await refuses(file(1), "paper-malformed");
});

test("not just one file of the right name and kind", async () => {
  const names = (...entries) =>
    `<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles << /Names [${entries.join(" ")}] >> >> >>`;
  const two = { 6: spec("b.txt", 7), 7: attached(Buffer.from("x")) };
  for (const [changes, code] of [
    [{ 1: "<< /Type /Catalog /Pages 2 0 R >>" }, "paper-attachment-missing"],
    [{ 1: names() }, "paper-attachment-missing"],
    [{ 4: `<< /F (${NAME}) >>` }, "paper-attachment-missing"],
    [{ ...two, 1: names(`(${NAME})`, "4 0 R", "(b.txt)", "6 0 R") }, "paper-attachment-several"],
    [{ 1: names(`(${NAME})`, "4 0 R", `(${NAME})`, "4 0 R") }, "paper-attachment-several"],
    [{ ...two, 3: "<< /Annots [<< /Subtype /FileAttachment /FS 6 0 R >>] >>" }, "paper-attachment-several"],
    [{ ...two, 3: "<< /Type /Page /AF [6 0 R] >>" }, "paper-attachment-several"],
    [{ ...two, 4: `<< /F (${NAME}) /EF << /F 5 0 R /UF 7 0 R >> >>` }, "paper-attachment-several"],
    [{ 4: spec("bundle.json") }, "paper-attachment-other"],
    [{ 4: spec(NAME.toUpperCase()) }, "paper-attachment-other"],
    [{ 1: names("(x)", "4 0 R") }, "paper-attachment-other"],
    [{ 1: "<< /Pages 2 0 R /AF [4 0 R] >>" }, "paper-attachment-other"],
    [{ 5: attached(CONTENT, "/Subtype /text#2Fplain") }, "paper-attachment-other"],
    [{ 5: attached(CONTENT, "") }, "paper-attachment-other"],
    [{ 5: "<< >>" }, "paper-attachment-other"],
    [{ 5: attached(Buffer.alloc((10 << 20) + 1)) }, "paper-attachment-too-large"],
    [{ 5: attached(Buffer.alloc(200 << 20)) }, "paper-attachment-too-large"],
    [{ 5: stream("/Subtype /application#2Fjson", Buffer.alloc((10 << 20) + 1)) }, "paper-attachment-too-large"],
    [{ 5: stream("/Subtype /application#2Fjson /Filter /LZWDecode", CONTENT) }, "paper-malformed"],
    [{ 5: stream("/Subtype /application#2Fjson /Filter [/FlateDecode /FlateDecode]", CONTENT) }, "paper-malformed"],
    [{ 5: stream("/Subtype /application#2Fjson /Filter /FlateDecode", CONTENT) }, "paper-malformed"],
    [{ 2: "<< /Type /Pages /Kids [2 0 R] >>" }, "paper-malformed"],
    [{ 2: "<< /Type /Pages /Kids [3 0 R 3 0 R] >>" }, "paper-malformed"],
    [{ 2: `<< /Kids [${"<< >> ".repeat(1001)}] >>` }, "paper-too-long"],
    [{ 2: `<< /Kids [${"null ".repeat(300_000)}] >>` }, "paper-too-long"],
  ]) {
    await refuses(withTable(objects(changes)), code);
  }
  await refuses(withTable(objects(), "/Encrypt << /Filter /Standard >>"), "paper-encrypted");
  await refuses(lb.concat(lb.utf8("%PDF-1.7\n"), new Uint8Array(64 << 20)), "paper-too-large");
});

test("hostile files end soon, by name", async () => {
  const head = "%PDF-1.7\n", end = (at) => `\nstartxref\n${at}\n%%EOF`;
  for (const text of [
    "", "startxref", end(0), end(9), end(99999999), `xref${end(9)}`, `xref\n0 999999999\n${end(9)}`,
    `xref\n0 1\n0000000000 65535 f \ntrailer\n${"[".repeat(100_000)}${end(9)}`,
    `xref\ntrailer\n<< /Root ${"<< /A ".repeat(100_000)}${end(9)}`,
    `xref\ntrailer\n<< /Root (${"(".repeat(1_000_000)}${end(9)}`,
    `xref\ntrailer\n<< /Root <${"0".repeat(3_000_000)}${end(9)}`,
    `xref\ntrailer\n<< /Root /${"x".repeat(3_000_000)}${end(9)}`,
    `xref\ntrailer\n<< /Root %${"x".repeat(3_000_000)}${end(9)}`,
    `xref\ntrailer\n<< /Root 1 0 R /__proto__ 1 /constructor 2 >>${end(9)}`,
    `xref\ntrailer\n<< /Root 1 0 R /Prev -1 >>${end(9)}`, `xref\ntrailer\n<< /Root 1 0 R /Prev 9 >>${end(9)}`,
    `1 0 obj << /Type /XRef /W [9 9 9] /Size 1 /Length 0 >> stream\n\nendstream${end(9)}`,
    `1 0 obj << /Type /XRef /W [0 0 0] /Size 9007199254740991 /Length 0 >> stream\n\nendstream${end(9)}`,
    `1 0 obj << /Type /XRef /W [1 2 1] /Size 9007199254740991 /Length 0 >> stream\n\nendstream${end(9)}`,
    `1 0 obj << /Type /XRef /W [1 2 1] /Size 1 /Length 1 0 R >> stream\n\nendstream${end(9)}`,
  ]) {
    await refuses(lb.utf8(head + text));
  }
  // Objects that lie in one another: each is read anew from where it begins.
  const all = { 1: "<< /Pages 2 0 R /Names << /EmbeddedFiles << /Kids [10 0 R] >> >> >>", 2: "<< >>" };
  let nested = "";
  for (let number = 10; number < 3000; number++) nested += `${number} 0 obj << /Kids [${number + 1} 0 R] /A (`;
  await refuses(withTable({ ...all, 10: nested.slice("10 0 obj ".length) }));
});

test("every cut and a flipped bit in each byte of a PDF: the attachment, or a refusal", async () => {
  for (const whole of [withTable(objects()), withStreams(objects())]) {
    const file = whole.slice();
    for (let place = 5; place < file.length; place++) {
      if (place < file.length - 1) await refuses(file.subarray(0, place)); // the last is a blank
      file[place] ^= 1 << place % 8;
      try {
        assert.ok(await lb.attachment(file) instanceof Uint8Array);
      } catch (error) {
        assert.ok(error instanceof lb.Refusal, error.stack);
      }
      file[place] ^= 1 << place % 8;
    }
  }
});

test("the bundle of a PDF is judged, but for the pages", async () => {
  const { vectors, root } = require("./support.js");
  const fs = require("node:fs");
  const raw = (name) => fs.readFileSync(`${root}/tests/vectors/bundles/${name}`);
  const { now } = vectors("bundles/cases.json").find((one) => one.file === "live.json");
  const file = withTable(objects({ 5: attached(raw("live.json")) }));
  const answer = await lb.verify({ file, trust: new Uint8Array(raw("trust.json")), now });
  assert.deepStrictEqual([answer.verdict, answer.reasons], ["fail", ["pages"]]);
  assert.strictEqual(answer.policy.name, "landbridge/paper/1");
  assert.strictEqual(answer.checks.find((one) => one.name === "pages").result, "unknown");
  const alone = await lb.verify({ file: answer.attached, trust: new Uint8Array(raw("trust.json")), now });
  assert.deepStrictEqual([alone.verdict, alone.checks.length], ["pass", answer.checks.length - 1]);
  const other = await lb.verify({ file: withTable(objects()), trust: null });
  assert.deepStrictEqual([other.verdict, other.refusal.code], ["fail", "bundle-malformed"]);
});
