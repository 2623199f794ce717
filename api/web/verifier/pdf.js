// Finds the one file attached to a PDF (docs/proof-bundle.md, "In a PDF"). Cross-reference tables and streams,
// object streams and incremental updates are read; what is encrypted, damaged or doubtful is refused by name.
// Pages are neither read nor drawn.
//
//     const json = await Landbridge.attachment(pdf);
"use strict";
(function (lb) {
  const NAME = "landbridge-bundle.json", KIND = "application/json";
  const MAX_BYTES = 64 << 20, MAX_BUNDLE = 10 << 20, MAX_OTHER = 16 << 20;
  const MAX_SECTIONS = 64, MAX_OBJECTS = 1 << 20, MAX_FETCHED = 20000, MAX_READ = 128 << 20;
  const MAX_PAGES = 1000, MAX_NODES = 10000;

  const refuse = (code) => { throw new lb.Refusal(code); };
  const broken = () => refuse("paper-malformed");
  const isName = (value, name) => lb.isObject(value) && value.name === name;
  const isReference = (value) => lb.isObject(value) && !(value instanceof Map) && value.ref !== undefined;

  class Pdf {
    constructor(data) {
      this.data = data;
      this.places = new Map(); // by object number, the newest entry first
      this.trailer = null;
      this.streams = new Map(); // object streams that were opened
      this.objects = new Map(); // objects that were read
      this.read = 0; // bytes, so that objects which lie in one another cost no more than the file allows
    }

    spend(bytes) {
      this.read += bytes;
      if (this.read > MAX_READ) broken();
    }

    // The last `startxref` of the file leads to its newest cross-reference section.
    start() {
      const tail = Math.max(0, this.data.length - 2048);
      const text = new TextDecoder("latin1").decode(this.data.subarray(tail));
      const found = /^startxref\s+([0-9]{1,10})\s+%%EOF/.exec(text.slice(Math.max(0, text.lastIndexOf("startxref"))));
      return found ? Number(found[1]) : broken();
    }

    async open() {
      const waiting = [this.start()], seen = new Set();
      while (waiting.length > 0) {
        const at = waiting.shift();
        if (seen.has(at) || seen.size >= MAX_SECTIONS || at >= this.data.length) broken();
        seen.add(at);
        const values = new lb.PdfValues(this.data, at);
        const trailer = values.keyword("xref") ? this.table(values) : await this.stream(at);
        this.trailer ??= trailer;
        if (trailer.has("Encrypt")) refuse("paper-encrypted");
        for (const name of ["XRefStm", "Prev"]) {
          const next = trailer.get(name);
          if (next === undefined) continue;
          if (!Number.isSafeInteger(next) || next < 0) broken();
          waiting.push(next);
        }
      }
    }

    entry(number, place) {
      if (this.places.size >= MAX_OBJECTS) broken();
      if (!this.places.has(number)) this.places.set(number, place);
    }

    table(values) {
      while (!values.keyword("trailer")) {
        const first = values.whole(), count = values.whole();
        for (let number = first; number < first + count; number++) {
          const offset = values.whole();
          values.whole();
          const used = values.keyword("n");
          if (!used && !values.keyword("f")) broken();
          this.entry(number, used ? { offset } : null);
        }
      }
      const trailer = values.value();
      return trailer instanceof Map ? trailer : broken();
    }

    async stream(at) {
      const { value: dictionary, content } = this.object(at);
      if (!(dictionary instanceof Map) || !isName(dictionary.get("Type"), "XRef") || !content) broken();
      const data = await this.unpacked(dictionary, content, MAX_OTHER);
      const widths = dictionary.get("W"), size = dictionary.get("Size");
      const isWhole = (value) => Number.isSafeInteger(value) && value >= 0;
      if (!Array.isArray(widths) || widths.length !== 3 || !widths.every((w) => isWhole(w) && w <= 6)) broken();
      const index = dictionary.get("Index") ?? [0, size];
      if (!Array.isArray(index) || index.length % 2 || !index.every(isWhole)) broken();
      const width = widths[0] + widths[1] + widths[2];
      let place = 0;
      const field = (bytes, missing) => {
        const value = bytes ? Number(lb.integer(data.subarray(place, place + bytes))) : missing;
        place += bytes;
        return value;
      };
      for (let pair = 0; pair < index.length; pair += 2) {
        for (let number = index[pair]; number < index[pair] + index[pair + 1]; number++) {
          if (width === 0 || place + width > data.length) broken();
          const kind = field(widths[0], 1), second = field(widths[1], 0), third = field(widths[2], 0);
          this.entry(number, kind === 1 ? { offset: second } : kind === 2 ? { within: second, index: third } : null);
        }
      }
      return dictionary;
    }

    // The object that begins at a place; with the bytes of its stream, if it has one.
    object(at, wanted = null) {
      if (!(at < this.data.length)) broken();
      const values = new lb.PdfValues(this.data, at);
      const number = values.whole();
      values.whole();
      if (!values.keyword("obj") || (wanted !== null && number !== wanted)) broken();
      const value = values.value();
      this.spend(values.at - at);
      if (!(value instanceof Map) || !values.keyword("stream")) return { value, content: null };
      if (values.next === 13) values.at += 1;
      if (values.next !== 10) broken();
      return { value, content: values.at + 1 };
    }

    async resolve(value) {
      for (let hops = 0; isReference(value); hops++) {
        if (hops > 8) broken();
        value = (await this.objectOf(value.ref)).value;
      }
      return value;
    }

    async objectOf(number) {
      if (!this.objects.has(number)) {
        if (this.objects.size >= MAX_FETCHED) broken();
        const place = this.places.get(number);
        const found = !place ? { value: null, content: null }
          : place.offset !== undefined ? this.object(place.offset, number) : await this.packed(number, place);
        this.objects.set(number, found);
      }
      return this.objects.get(number);
    }

    // An object within an object stream (ISO 32000-1, 7.5.7).
    async packed(number, { within, index }) {
      if (!this.streams.has(within)) {
        const place = this.places.get(within);
        if (!place || place.offset === undefined) broken();
        const { value, content } = this.object(place.offset, within);
        if (!content || !isName(value.get("Type"), "ObjStm")) broken();
        const spent = [...this.streams.values()].reduce((sum, one) => sum + one.data.length, 0);
        const data = await this.unpacked(value, content, MAX_OTHER - spent);
        this.streams.set(within, { data, first: value.get("First"), count: value.get("N") });
      }
      const { data, first, count } = this.streams.get(within);
      if (!(index < count) || !Number.isSafeInteger(first)) broken();
      const head = new lb.PdfValues(data, 0, Math.min(first, data.length));
      let found, offset;
      for (let at = 0; at <= index; at++) {
        found = head.whole();
        offset = head.whole();
      }
      if (found !== number) broken();
      const values = new lb.PdfValues(data, first + offset), value = values.value();
      this.spend(values.at - first - offset + head.at);
      return { value, content: null };
    }

    async unpacked(dictionary, at, limit, tooLarge = "paper-malformed") {
      const length = await this.resolve(dictionary.get("Length"));
      if (!Number.isSafeInteger(length) || length < 0 || at + length > this.data.length) broken();
      if (!new lb.PdfValues(this.data, at + length).keyword("endstream") || dictionary.has("F")) broken();
      const data = this.data.subarray(at, at + length);
      const one = async (name) => {
        const value = await this.resolve(dictionary.get(name));
        return Array.isArray(value) ? (value.length > 1 ? broken() : this.resolve(value[0])) : value;
      };
      const filter = await one("Filter"), options = await one("DecodeParms");
      const plainly = filter === undefined || filter === null;
      if (!plainly && !isName(filter, "FlateDecode")) broken();
      let result = plainly ? data : await lb.inflate(data, limit);
      if (result && result.length > limit) refuse(tooLarge);
      if (result && options instanceof Map && (options.get("Predictor") ?? 1) !== 1) {
        const plain = options.get("Predictor") >= 10 && (options.get("Colors") ?? 1) === 1
          && (options.get("BitsPerComponent") ?? 8) === 8;
        result = plain ? lb.unpredicted(result, options.get("Columns") ?? 1) : null;
      }
      return result ?? broken();
    }

    async map(value) {
      const found = await this.resolve(value);
      return found instanceof Map ? found : broken();
    }

    // A dictionary's array under a key; empty where there is none.
    async list(node, key) {
      const found = await this.resolve(node.get(key)) ?? [];
      return Array.isArray(found) ? found : broken();
    }

    async few(node, key) {
      const found = await this.list(node, key);
      return found.length > MAX_NODES ? refuse("paper-attachment-several") : found.slice();
    }

    // The nodes of a tree, each looked at once.
    async tree(top) {
      const waiting = top === undefined ? [] : [top], seen = new Set(), nodes = [];
      while (waiting.length > 0) {
        const one = waiting.pop();
        if (isReference(one) && seen.has(one.ref)) broken(); // a tree that comes back to itself
        if (isReference(one)) seen.add(one.ref);
        const node = await this.map(one);
        nodes.push(node);
        const kids = await this.list(node, "Kids");
        if (nodes.length + waiting.length + kids.length > MAX_NODES) refuse("paper-too-long");
        waiting.push(...kids.slice().reverse());
      }
      return nodes;
    }

    // The files that the tree of embedded files names: [name, file specification].
    async named(catalog) {
      const names = await this.resolve(catalog.get("Names")), found = [];
      for (const node of names instanceof Map ? await this.tree(names.get("EmbeddedFiles")) : []) {
        const pairs = await this.list(node, "Names");
        if (pairs.length > MAX_NODES) refuse("paper-attachment-several");
        for (let at = 0; at < pairs.length; at += 2) {
          found.push([text(await this.resolve(pairs[at])), await this.map(pairs[at + 1])]);
        }
      }
      return found;
    }

    // Files that hang elsewhere: on the whole, on pages, and on notes that a reader can click on.
    async hung(catalog) {
      const found = await this.few(catalog, "AF");
      let pages = 0, notes = 0;
      for (const node of await this.tree(catalog.get("Pages"))) {
        if (!node.has("Kids") && ++pages > MAX_PAGES) refuse("paper-too-long");
        found.push(...await this.few(node, "AF"));
        for (const one of await this.list(node, "Annots")) {
          if (++notes > MAX_NODES) broken();
          const note = await this.map(one);
          found.push(...await this.few(note, "AF"));
          if (isName(note.get("Subtype"), "FileAttachment") && note.has("FS")) found.push(note.get("FS"));
        }
      }
      return Promise.all(found.map((one) => this.map(one)));
    }

    // The one attached file.
    async attached() {
      const catalog = await this.map(this.trailer.get("Root"));
      const named = await this.named(catalog), streams = new Set();
      for (const file of [...named.map(([, one]) => one), ...await this.hung(catalog)]) {
        if (!file.has("EF")) refuse("paper-attachment-missing"); // a file elsewhere, by its address
        for (const one of (await this.map(file.get("EF"))).values()) streams.add(isReference(one) ? one.ref : one);
      }
      if (streams.size === 0) refuse("paper-attachment-missing");
      if (streams.size > 1 || named.length > 1) refuse("paper-attachment-several");
      if (named.length === 0 || named[0][0] !== NAME) refuse("paper-attachment-other");
      const file = named[0][1], keys = ["F", "UF"].filter((key) => file.has(key));
      const [stream] = streams;
      if (keys.length === 0 || typeof stream !== "number") refuse("paper-attachment-other");
      for (const key of keys) {
        if (text(await this.resolve(file.get(key))) !== NAME) refuse("paper-attachment-other");
      }
      const { value, content } = await this.objectOf(stream);
      if (content === null || !isName(value.get("Subtype"), KIND)) refuse("paper-attachment-other");
      if (value.has("DecodeParms") || Array.isArray(value.get("Filter"))) broken();
      return this.unpacked(value, content, MAX_BUNDLE, "paper-attachment-too-large");
    }
  }

  // A text string: UTF-16 or UTF-8 where it says so, else its own table, of which ASCII matters here.
  function text(bytes) {
    if (!(bytes instanceof Uint8Array)) return "";
    if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes.subarray(2));
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return new TextDecoder().decode(bytes);
    return new TextDecoder("latin1").decode(bytes);
  }

  async function attachment(data) {
    if (data.length > MAX_BYTES) refuse("paper-too-large");
    const pdf = new Pdf(data);
    await pdf.open();
    return pdf.attached();
  }

  lb.attachment = attachment;
})((globalThis.Landbridge ??= {}));
